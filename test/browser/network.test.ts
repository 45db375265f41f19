/** The page, and a browser's own EventSource, on a network that breaks. */
import { runEventTypes } from '@holdfast/shared/protocol/run-event.ts';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { ask, call, getHistory, question } from '../support/ask.ts';
import { type ChatPage, patience, startBrowser, type TestBrowser } from '../support/browser.ts';
import { type ChaosProxy, randomBytes, startChaosProxy } from '../support/chaos-proxy.ts';
import { expectWhole, showsReconnecting, targetOf } from '../support/page-network.ts';
import { createRunRecord, type RecordedEvent } from '../support/run-record.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let browser: TestBrowser;
let base: string;
let proxy: ChaosProxy;

beforeAll(async () => {
  [stack, browser] = await Promise.all([startStack(), startBrowser()]);
  base = String(stack.apis[0]?.url);
  proxy = await startChaosProxy({ target: targetOf(base) });
});
afterEach(async () => {
  const found = await browser.closePages();
  proxy.cutAfter(null);
  proxy.latency(0);
  proxy.slice(Infinity);
  await proxy.pass();
  expect(found).toEqual([]);
});
afterAll(async () => {
  await browser?.stop();
  await proxy?.stop();
  await stack?.stop();
});

/** In the middle of the head of a reply (1 kB), but behind its content type: see run-events.ts. */
const cutBytesMin = 100;

it('connections that are cut at random bytes again and again, and a dead network, cost the page nothing', async () => {
  const directives = [21, 22, 23].map((seed) => ({ deltas: 200, intervalMs: 25, seed }));
  const asked = await Promise.all(
    directives.map(async (directive) => ({ directive, chat: await browser.open(proxy.url()) })),
  );
  const chats = asked.map(({ chat }) => chat);
  await Promise.all(asked.map(({ chat, directive }) => chat.ask(question(directive))));
  await Promise.all(chats.map((chat) => chat.grows(50)));

  await proxy.refuse();
  proxy.reset();
  await Promise.all(chats.map(showsReconnecting));
  proxy.cutAfter(randomBytes({ seed: 4, min: cutBytesMin, max: 8_000 }), 'reset');
  await proxy.pass();

  await Promise.all(chats.map((chat) => chat.reaches('completed')));
  for (const { chat, directive } of asked) {
    await expectWhole(base, chat, scriptedText(directive).join(''));
    expect((await chat.seen()).replacements).toBe(0);
    // The first one, the one after the outage, and at least one more: how many depends on where the cuts fall.
    expect(chat.cursors.length).toBeGreaterThan(2);
  }
  proxy.cutAfter(null);
  for (const chat of chats) await chat.get('connection').waitFor({ state: 'hidden' });
});

it('a slow network that delivers a few bytes at a time and closes one direction only changes nothing in the answer', async () => {
  proxy.latency(80);
  proxy.slice(150);
  const directive = { deltas: 250, intervalMs: 25, seed: 26 };
  const chat = await browser.open(proxy.url());
  await chat.ask(question(directive));
  for (const side of ['client', 'server', 'client'] as const) {
    await chat.grows((await chat.text()).length + 100);
    const requests = chat.cursors.length;
    proxy.halfClose(side);
    await expect.poll(() => chat.cursors.length, patience).toBeGreaterThan(requests);
  }
  await chat.reaches('completed');
  await expectWhole(base, chat, scriptedText(directive).join(''));
  expect((await chat.seen()).replacements).toBe(0);
});

it('a connection that has died in a tunnel without a word is replaced once the device is back on line', async () => {
  const directive = { deltas: 200, intervalMs: 25, seed: 27 };
  const chat = await browser.open(proxy.url());
  await chat.ask(question(directive));
  await chat.grows(100);
  await proxy.blackhole();
  const requests = chat.cursors.length;
  const { length } = await chat.text();
  const context = chat.page.context();
  await context.setOffline(true);
  await context.setOffline(false);
  // It is still half open, which nobody would notice by its silence for half a minute.
  await expect.poll(() => chat.cursors.length, { ...patience, timeout: 20_000 }).toBe(requests + 1);
  expect(chat.cursors.at(-1)).not.toBeNull();
  await proxy.pass();
  await chat.grows(length);
  await chat.reaches('completed');
  await expectWhole(base, chat, scriptedText(directive).join(''));
  expect((await chat.seen()).replacements).toBe(0);
});

it('an EventSource of the browser gets every event once over many cuts, and is told when to stop', async () => {
  const directive = { deltas: 300, intervalMs: 25, seed: 24 };
  // A browser for each of the two: on a connection that was left over by the other's 204, a cut could come within the
  // content type of a second reply.
  const pages = { whole: await openEmptyPage(), rest: await openEmptyPage() };
  // From here on each connection carries nothing but events.
  for (const page of Object.values(pages)) await page.waitForLoadState('networkidle');
  proxy.reset();
  proxy.cutAfter(randomBytes({ seed: 5, min: cutBytesMin, max: 5_000 }));
  const accepted = proxy.counts().accepted;
  const { run } = await ask(base, question(directive));
  const received = (name: 'whole' | 'rest') =>
    pages[name].evaluate((key) => {
      const { source, events } = Reflect.get(globalThis, key) as Source;
      return { readyState: source.readyState, events };
    }, name);

  await pages.whole.evaluate(openEventSource, {
    name: 'whole',
    url: run.eventsUrl,
    types: [...runEventTypes],
  });
  await expect.poll(async () => (await received('whole')).events.length, patience).toBeGreaterThan(30);
  const earlier = createRunRecord();
  for (const event of (await received('whole')).events.slice(0, 20)) earlier.apply(event);
  const { cursor, text } = earlier.record;
  const url = `${run.eventsUrl}?cursor=${cursor}`;
  await pages.rest.evaluate(openEventSource, { name: 'rest', url, types: [...runEventTypes] });

  const whole = scriptedText(directive).join('');
  for (const [name, start] of [
    ['whole', undefined],
    ['rest', { cursor, text }],
  ] as const) {
    // EventSource.CLOSED: by the 204 that answered the cursor of the terminal event.
    await expect.poll(async () => (await received(name)).readyState, patience).toBe(2);
    const { record, apply } = createRunRecord(start);
    for (const event of (await received(name)).events) apply(event);
    expect(record.violations).toEqual([]);
    expect(record.terminal?.type).toBe('completed');
    expect(record.text).toBe(whole);
    expect(new Set(record.ids).size).toBe(record.ids.length);
  }
  expect((await received('rest')).events[0]?.id).toBe('1-20');
  expect(proxy.counts().accepted - accepted).toBeGreaterThan(8);
});

it('a message whose acceptance was lost on the way, with a reload in between, is there once', async () => {
  const chat = await browser.open(proxy.url());
  const conversations = async () =>
    (await call<{ conversations: { id: string }[] }>(base, 'GET', '/api/conversations')).body.conversations;
  const before = (await conversations()).length;

  proxy.pause('reply');
  await chat.ask(question({ deltas: 3 }, 'The first.'));
  await expect.poll(async () => (await conversations()).length, patience).toBe(before + 1);
  const id = String((await conversations())[0]?.id);
  proxy.reset();
  proxy.resume('reply');
  await chat.page.reload();
  await expect.poll(() => chat.conversationId(), patience).toBe(id);
  await chat.reaches('completed');

  const messages = async () => (await getHistory(base, id)).messages;
  proxy.pause('reply');
  await chat.ask(question({ deltas: 4 }, 'The second.'));
  await expect.poll(async () => (await messages()).length, patience).toBeGreaterThan(2);
  proxy.reset();
  proxy.resume('reply');
  await chat.page.reload();
  await expect.poll(() => chat.get('message').count(), patience).toBe(4);
  await chat.reaches('completed');

  expect((await conversations()).length).toBe(before + 1);
  expect((await messages()).map(({ role }) => role)).toEqual(['user', 'assistant', 'user', 'assistant']);
});

it('a reload that began before the conversation was made comes back to this conversation', async () => {
  const { page, ...chat } = await browser.open(proxy.url());
  await chat.ask(question({ deltas: 3, seed: 28 }));
  await chat.reaches('completed');
  const id = chat.conversationId();
  // What such a reload does: it goes to the address that was there when it began.
  await page.evaluate(() => history.replaceState(null, '', location.pathname));
  await page.reload();
  await chat.reaches('completed');
  expect(chat.conversationId()).toBe(id);
  expect(await chat.get('message').count()).toBe(2);

  // By choice it is another matter.
  await chat.get('new-conversation').click();
  await expect.poll(() => chat.get('message').count(), patience).toBe(0);
  await page.reload();
  await chat.get('composer').waitFor();
  expect(await chat.get('message').count()).toBe(0);
});

/** A document of this origin that opens no connection of its own. */
async function openEmptyPage(): Promise<ChatPage['page']> {
  const { page } = await browser.open(proxy.url());
  await page.goto(`${proxy.url()}/favicon.svg`);
  return page;
}

interface Source {
  readonly source: EventSource;
  readonly events: RecordedEvent[];
}

/** Runs in the page. */
function openEventSource({ name, url, types }: { name: string; url: string; types: string[] }): void {
  const source = new EventSource(url);
  const events: RecordedEvent[] = [];
  let connection = -1;
  source.addEventListener('open', () => connection++);
  for (const type of types) {
    source.addEventListener(type, ({ lastEventId, data }) => {
      events.push({ connection, id: lastEventId === '' ? null : lastEventId, event: type, data });
    });
  }
  Object.assign(globalThis, { [name]: { source, events } });
}
