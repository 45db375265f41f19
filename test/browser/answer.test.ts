/** What a person does with one answer on an undisturbed network. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { call, getHistory, question } from '../support/ask.ts';
import {
  type ChatPage,
  type OpenOptions,
  patience,
  startBrowser,
  type TestBrowser,
} from '../support/browser.ts';
import { randomBytes } from '../support/chaos-proxy.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let browser: TestBrowser;
let base: string;
const open = (options?: OpenOptions): Promise<ChatPage> => browser.open(base, options);

beforeAll(async () => {
  [stack, browser] = await Promise.all([startStack(), startBrowser()]);
  base = String(stack.apis[0]?.url);
});
afterEach(async () => expect(await browser.closePages()).toEqual([]));
afterAll(async () => {
  await browser?.stop();
  await stack?.stop();
});

/** The text of the last message in history. */
async function storedText(chat: ChatPage): Promise<string | undefined> {
  return (await getHistory(base, chat.conversationId())).messages.at(-1)?.text;
}

it('an answer appears piece by piece and ends exactly as history has it', async () => {
  const directive = { deltas: 60, intervalMs: 25, seed: 1 };
  const chat = await open();
  await chat.ask(question(directive));
  await chat.get('stop').waitFor();
  await chat.reaches('completed');

  const text = scriptedText(directive).join('');
  expect(await chat.text()).toBe(text);
  expect(await storedText(chat)).toBe(text);
  const { lengths, replacements } = await chat.seen();
  expect(replacements).toBe(0);
  expect(lengths.length).toBeGreaterThan(15);
  await chat.get('send').waitFor();
  await expect.poll(() => chat.get('conversation-link').count(), patience).toBe(1);
  expect(await chat.page.evaluate(() => document.activeElement?.id)).toBe('composer');
});

it('Stop keeps what was written, ends the call to the provider, and Regenerate answers anew', async () => {
  const directive = { deltas: 200, intervalMs: 20, seed: 2, key: 'stopped' };
  const whole = scriptedText(directive).join('');
  const chat = await open();
  await chat.ask(question(directive));
  await chat.grows(100);
  await chat.get('stop').click();
  await chat.reaches('stopped');

  await expect.poll(() => chat.last.textContent(), patience).toContain('Stopped.');
  const text = await chat.text();
  expect(text).toBe(await storedText(chat));
  expect(text.length).toBeGreaterThan(100);
  expect(text.length).toBeLessThan(whole.length);
  expect(whole.startsWith(text)).toBe(true);
  const calls = () => stack.upstream.journal().filter(({ key }) => key === 'stopped');
  await expect.poll(() => calls().map(({ outcome }) => outcome), patience).toEqual(['client-closed']);

  await chat.get('regenerate').click();
  await chat.get('stop').waitFor();
  await chat.reaches('completed');
  expect(await chat.text()).toBe(whole);
  expect(await storedText(chat)).toBe(whole);
  expect(await chat.get('message').count()).toBe(2);
});

it('a page that is reloaded in mid-answer shows at once what it had and goes on by itself', async () => {
  const directive = { deltas: 300, intervalMs: 30, seed: 3 };
  const whole = scriptedText(directive).join('');
  const chat = await open();
  await chat.ask(question(directive));
  const step = randomBytes({ seed: 3, min: 100, max: 900 });
  let had = 0;
  for (let reload = 0; reload < 4; reload++) {
    await chat.grows(had + step(reload));
    const before = (await chat.text()).length;
    const requests = chat.cursors.length;
    await chat.page.reload();
    await expect.poll(() => chat.cursors.length, patience).toBe(requests + 1);
    // It names the place in the answer at which the page stood.
    expect(chat.cursors.at(-1)).toMatch(/~[0-9a-f-]{36}\.1-[1-9]/);
    await chat.grows(before - 1);
    // Nothing of what the reader had is missing, not even in the first moment.
    had = (await chat.seen()).lengths[0] ?? 0;
    expect(had).toBeGreaterThanOrEqual(before);
    expect(had).toBeLessThan(whole.length);
  }
  await chat.reaches('completed');
  expect(await chat.text()).toBe(whole);
  expect(await storedText(chat)).toBe(whole);
  expect((await chat.seen()).replacements).toBe(0);

  await chat.page.reload();
  await chat.reaches('completed');
  expect(await chat.text()).toBe(whole);
});

it('another tab and another browser that come in mid-answer read the same answer to its end', async () => {
  const directive = { deltas: 400, intervalMs: 30, seed: 9 };
  const whole = scriptedText(directive).join('');
  const first = await open();
  await first.ask(question(directive));
  await first.grows(200);
  const hash = `#${first.conversationId()}`;
  const others = await Promise.all([open({ hash, context: first.page.context() }), open({ hash })]);
  await Promise.all(others.map((chat) => chat.grows(200)));
  const all = [first, ...others];
  await Promise.all(all.map((chat) => chat.reaches('completed')));
  for (const chat of all) {
    expect(await chat.text()).toBe(whole);
    const { lengths, replacements } = await chat.seen();
    expect(lengths.length).toBeGreaterThan(5);
    expect(replacements).toBe(0);
  }
});

it('a failure of the provider is told in a sentence for people, and Try again answers', async () => {
  const directive = { status: 401, times: 1, key: 'refused', seed: 7 };
  const chat = await open();
  await chat.ask(question(directive));
  await chat.reaches('failed');
  await expect
    .poll(() => chat.last.textContent(), patience)
    .toContain('The model provider refused our credentials.');
  // A reload finds the same sentence in history.
  await chat.page.reload();
  await chat.reaches('failed');
  await expect
    .poll(() => chat.last.textContent(), patience)
    .toContain('The model provider refused our credentials.');

  await chat.get('retry').click();
  await chat.reaches('completed');
  expect(await chat.text()).toBe(scriptedText(directive).join(''));
  expect(await chat.get('message').count()).toBe(2);

  await chat.ask(question({ fault: 'length' }));
  await chat.reaches('completed');
  await expect
    .poll(() => chat.last.textContent(), patience)
    .toContain('The answer reached its length limit.');
});

it('nothing that a text holds is executed, fetched or taken for an event', async () => {
  const hostile = [
    '<script>globalThis.pwned = 1</script><img src=http://203.0.113.1/a.png onerror=globalThis.pwned=1>',
    '<iframe srcdoc="<script>parent.pwned=1</script>"></iframe><svg onload=alert(1)><style>@import url(//203.0.113.1)',
    '[link](javascript:globalThis.pwned=1) ![picture](http://203.0.113.1/b.png) <javascript:alert(1)>',
    '```html\n<script>globalThis.pwned = 1</script>\n```\n`<img src=x onerror=alert(1)>`',
    '\r\nid: 999-999\nevent: completed\ndata: {"messageId":"forged"}\n\n\u2028data: x',
  ].join('\n');
  const chat = await open();
  await chat.ask(question({ echo: true }, hostile));
  await chat.reaches('completed');
  const text = await chat.text();
  expect(text).toContain('<script>globalThis.pwned = 1</script>');
  expect(text).toBe(await storedText(chat));
  await chat.ask(question({ deltas: 400, seed: 10 }));
  // Until it is there, the last answer is the one before it, which is complete.
  await expect.poll(() => chat.get('message').count(), patience).toBe(4);
  await chat.reaches('completed');
  expect(await chat.text()).toBe(await storedText(chat));
  // The same from history, and as the title in the list.
  await call(base, 'PATCH', `/api/conversations/${chat.conversationId()}`, { title: hostile.slice(0, 100) });
  await chat.page.reload();
  await chat.reaches('completed');
  await expect
    .poll(() => chat.get('conversation-link').allInnerTexts(), patience)
    .toContainEqual(expect.stringContaining('<script>'));

  expect(await chat.page.locator('body').locator('script, img, iframe, style').count()).toBe(0);
  const links = await chat.page
    .locator('[data-role] a')
    .evaluateAll((all) => all.map((link) => link.getAttribute('href')?.split(':')[0]));
  expect(links.filter((scheme) => scheme !== 'http' && scheme !== 'https')).toEqual([]);
  expect(await chat.page.evaluate(() => 'pwned' in globalThis)).toBe(false);
  expect(chat.problems).toEqual([]);
  expect(await chat.violations()).toEqual([]);
});

it('a link says where it leads before it does, and a picture of another site is not fetched', async () => {
  const chat = await browser.open(base);
  const text =
    '[the sea](https://example.com/sea?deep=1) ![a wave](http://203.0.113.1/wave.png) <https://example.com/x>';
  await chat.ask(question({ text }));
  await chat.reaches('completed');
  expect(await chat.page.locator('img').count()).toBe(0);
  for (const [name, address] of [
    ['the sea', 'https://example.com/sea?deep=1'],
    ['Open the picture at 203.0.113.1', 'http://203.0.113.1/wave.png'],
  ] as const) {
    await chat.last.getByRole('link', { name }).click();
    const dialog = chat.page.getByRole('dialog', { name: 'Open this link?' });
    await expect.poll(() => dialog.textContent(), patience).toContain(address);
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await dialog.waitFor({ state: 'detached' });
  }
  expect(chat.page.context().pages()).toHaveLength(1);
});

it('the content security policy stops what would come through all the same, and is seen to', async () => {
  const policy = (await fetch(base)).headers.get('content-security-policy');
  expect(policy).toContain("default-src 'self'");
  expect(policy).not.toContain('unsafe');
  const chat = await open();
  await chat.page.evaluate(() => {
    const box = document.createElement('div');
    box.innerHTML = '<img src="http://203.0.113.1/c.png"><img src="/none" onerror="globalThis.pwned = 1">';
    const script = document.createElement('script');
    script.textContent = 'globalThis.pwned = 1';
    document.body.append(box, script);
  });
  await expect
    .poll(() => chat.violations(), patience)
    .toEqual(['script-src-elem inline', 'img-src http://203.0.113.1/c.png', 'script-src-attr inline']);
  expect(await chat.page.evaluate(() => 'pwned' in globalThis)).toBe(false);
  expect(await browser.closePages()).not.toEqual([]);
});
