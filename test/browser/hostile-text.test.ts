/** Texts that want to be more than texts: for the browser's own parser of events, and for the page. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { encodeEventData } from '@holdfast/shared/protocol/run-event.ts';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { eventFrame } from '../../apps/api/src/sse/frame.ts';
import { call, getHistory, question } from '../support/ask.ts';
import { patience, startBrowser, type TestBrowser } from '../support/browser.ts';
import { hostileMarkup } from '../support/hostile-markup.ts';
import { join, makePerson } from '../support/people.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let browser: TestBrowser;
let base: string;

beforeAll(async () => {
  [stack, browser] = await Promise.all([startStack(), startBrowser()]);
  base = String(stack.apis[0]?.url);
});
afterEach(async () => expect(await browser.closePages()).toEqual([]));
afterAll(async () => {
  await browser?.stop();
  await stack?.stop();
});

it('the browser’s own parser gives every text back as it was, however its bytes are cut', async () => {
  const random = seededRandom(20_261_121);
  const pieces = [
    '\r',
    '\n',
    '\r\n',
    '\n\n',
    '\u0000',
    '\ufeff',
    '\u2028',
    '\u2029',
    '\u0085',
    '\ud83d',
    '\udc4b',
    '👩‍👩‍👧‍👦',
    '\\',
    '"',
    ' ',
    ':',
    'data: x',
    'id: 9-9',
    '\r\nid: 9-9\r\nevent: completed\r\ndata: {}\r\n\r\n',
    'retry: 1\n',
    ': ',
    '\u001b',
    'x',
  ];
  const pick = () => pieces[Math.floor(random() * pieces.length)] ?? '';
  const texts = Array.from({ length: 500 }, (_, n) =>
    n < pieces.length
      ? (pieces[n] ?? '')
      : Array.from({ length: 1 + Math.floor(random() * 9) }, pick).join(''),
  );
  const bytes = Buffer.concat(
    texts.map((text, seq) =>
      eventFrame({
        id: { attempt: 1, seq },
        type: 'delta',
        json: encodeEventData({ type: 'delta', data: { text } }),
      }),
    ),
  );
  const server = createServer((request, response) => {
    if (request.url !== '/events')
      return void response.setHeader('content-type', 'text/html').end('<!doctype html>');
    response.setHeader('content-type', 'text/event-stream');
    void (async () => {
      for (let at = 0; at < bytes.length; ) {
        const size = 1 + Math.floor(random() * 200);
        response.write(bytes.subarray(at, at + size));
        at += size;
        // Each piece a segment of its own.
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { page } = await browser.open(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, {
      as: 'nobody',
    });
    const heard = await page.evaluate(
      (count) =>
        new Promise<string>((resolve) => {
          const events: unknown[] = [];
          const source = new EventSource('/events');
          const take = ({ type, lastEventId, data }: MessageEvent<string>) => {
            events.push([type, lastEventId, (JSON.parse(data) as { text: string }).text]);
            if (events.length < count) return;
            source.close();
            // Half a character stays an escape, which the way back to the test would not keep.
            resolve(JSON.stringify(events));
          };
          for (const type of ['delta', 'message', 'completed']) source.addEventListener(type, take);
        }),
      texts.length,
    );
    expect(JSON.parse(heard)).toEqual(texts.map((text, seq) => ['delta', `1-${seq}`, text]));
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

it(`${hostileMarkup.length} payloads run nowhere and fetch nothing: in an answer of small pieces, in questions, titles and names`, async () => {
  expect(hostileMarkup.length).toBeGreaterThan(300);
  const text = hostileMarkup.join('\n\n');
  const chat = await browser.open(base, { watch: false });
  /** What the page made of it; nothing of that kind is its own. */
  const made = () =>
    chat.page
      .locator('body')
      .locator(
        'script, img, iframe, style, link, object, embed, video, audio, svg script, svg image, base, meta, form form, a:not([href^="#"], [href^="http:"], [href^="https:"], [download])',
      )
      .count();
  const before = await made();
  const harmless = async (where: string) => {
    expect([where, await chat.page.evaluate(() => 'pwned' in globalThis), await made()]).toEqual([
      where,
      false,
      before,
    ]);
    expect([where, chat.problems, await chat.violations()]).toEqual([where, [], []]);
  };

  // Seven characters a piece cut every tag and every attribute.
  await chat.ask(question({ text, chars: 7, deltas: 100_000 }, 'Well?'));
  await chat.reaches('completed');
  expect(await chat.text()).toBe(text);
  await harmless('an answer');
  await chat.page.reload();
  await chat.reaches('completed');
  expect(await chat.text()).toBe((await getHistory(base, chat.conversationId())).messages.at(-1)?.text);
  await harmless('history');

  // As many to a title as it may be long; as many titles as one page of the list shows.
  const titles: string[] = [''];
  for (const payload of hostileMarkup) {
    const last = titles.at(-1) ?? '';
    const line = payload.replaceAll(/\s+/g, ' ');
    if (last.length + line.length > 195) titles.push(line);
    else titles[titles.length - 1] = `${last} ${line}`;
  }
  for (let at = 0; at < titles.length; at += 20) {
    const some = titles.slice(at, at + 20);
    for (const title of some)
      expect((await call(base, 'POST', '/api/conversations', { title: title.trim() })).status).toBe(201);
    await chat.page.reload();
    const shown = some.at(-1)?.trim().replaceAll(/\s+/g, ' ') ?? '';
    const links = async () =>
      (await chat.get('conversation-link').allTextContents()).map((link) => link.replaceAll(/\s+/g, ' '));
    await expect.poll(links, patience).toContainEqual(shown);
    await harmless('titles');
  }

  // Names of members and authors, and what they ask.
  const id = chat.conversationId();
  for (let at = 0; at < hostileMarkup.length; at += 40) {
    const name = (hostileMarkup[at] ?? '').slice(0, 100);
    const person = await makePerson(stack, name);
    await join(base, id, person, 'writer');
    const words = `${hostileMarkup.slice(at, at + 20).join('\n')} ${question({ deltas: 1 })}`;
    const asked = await call(
      base,
      'POST',
      `/api/conversations/${id}/messages`,
      { text: words },
      person.headers,
    );
    expect(asked.status).toBe(202);
  }
  await chat.page.reload();
  await chat.reaches('completed');
  await expect
    .poll(() => chat.get('author').allTextContents(), patience)
    .toContainEqual(expect.stringContaining('onerror='));
  await harmless('names');
});
