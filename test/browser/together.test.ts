/** Several people, and several tabs of one, in the same conversation. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { question } from '../support/ask.ts';
import { type ChatPage, patience, startBrowser, type TestBrowser } from '../support/browser.ts';
import { type ChaosProxy, startChaosProxy } from '../support/chaos-proxy.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let browser: TestBrowser;
let base: string;
let proxy: ChaosProxy;

beforeAll(async () => {
  [stack, browser] = await Promise.all([startStack(), startBrowser()]);
  base = String(stack.apis[0]?.url);
  proxy = await startChaosProxy({ target: { host: '127.0.0.1', port: Number(new URL(base).port) } });
});
afterEach(async () => expect(await browser.closePages()).toEqual([]));
afterAll(async () => {
  await browser?.stop();
  await proxy?.stop();
  await stack?.stop();
});

const hashOf = async (chat: ChatPage, testId: string) => new URL(await chat.get(testId).inputValue()).hash;

/** A conversation of the test user, one who joined by invitation (behind the proxy), and one who has the public link. */
async function meet() {
  const owner = await browser.open(base);
  await owner.ask(question({ deltas: 3 }, 'Welcome.'));
  await owner.reaches('completed');
  await owner.get('share').click();
  await owner.get('invite').click();
  await expect.poll(() => owner.get('invite-url').inputValue(), patience).not.toBe('');
  await owner.get('public').check();
  await expect.poll(() => owner.get('public-url').inputValue(), patience).not.toBe('');
  const [invitation, shared] = [await hashOf(owner, 'invite-url'), await hashOf(owner, 'public-url')];
  await owner.get('share-dialog-close').click();

  const guest = await browser.open(proxy.url(), { as: 'guest', hash: invitation });
  await guest.get('join').click();
  await guest.reaches('completed');
  const reader = await browser.open(base, { as: 'nobody', hash: shared });
  await reader.reaches('completed');
  return { owner, guest, reader };
}

/** All show a part of this text at the same moment. */
async function allRead(chats: readonly ChatPage[], whole: string): Promise<void> {
  await Promise.all(chats.map((chat) => chat.grows(50)));
  const texts = await Promise.all(chats.map((chat) => chat.text()));
  for (const text of texts) {
    expect(text.length).toBeGreaterThan(50);
    expect(text.length).toBeLessThan(whole.length);
    expect(whole.startsWith(text)).toBe(true);
  }
}

/** All have come to the end, and none had to take back anything on the way. */
async function allHaveRead(chats: readonly ChatPage[], whole: string, stepsMin: number): Promise<void> {
  await Promise.all(chats.map((chat) => chat.reaches('completed')));
  for (const chat of chats) {
    expect(await chat.text()).toBe(whole);
    const { lengths, replacements } = await chat.seen();
    expect(replacements).toBe(0);
    expect(lengths.length).toBeGreaterThan(stepsMin);
  }
}

it('two people and a stranger with the link read the same answer as it grows, and a cut costs one of them nothing', async () => {
  const { owner, guest, reader } = await meet();
  const directive = { deltas: 300, intervalMs: 30, seed: 31 };
  const whole = scriptedText(directive).join('');
  const words = question(directive, '从这里开始。');
  await guest.ask(words);
  const all = [owner, guest, reader];
  await allRead(all, whole);

  const asked = owner.page.locator('[data-role=user]').last();
  await expect.poll(() => asked.getByTestId('message-text').textContent(), patience).toBe(words);
  const name = String(await guest.get('account-name').textContent());
  expect(name).not.toBe('');
  await expect.poll(() => asked.getByTestId('author').textContent(), patience).toBe(name);

  const before = (await guest.text()).length;
  await proxy.refuse();
  proxy.reset();
  await guest.get('connection').waitFor();
  await proxy.pass();
  await guest.grows(before);
  await allHaveRead(all, whole, 5);
});

it('a public link that nobody looks at takes no connection, and goes on where it was when somebody does', async () => {
  const { owner, reader } = await meet();
  const directive = { deltas: 350, intervalMs: 30, seed: 34 };
  const whole = scriptedText(directive).join('');
  await owner.ask(question(directive));
  await reader.grows(50);
  // Chromium without a screen shows all its pages.
  const look = (state: 'hidden' | 'visible') =>
    reader.page.evaluate((now) => {
      Object.defineProperty(document, 'visibilityState', { value: now, configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
    }, state);
  const isOver = reader.page.waitForEvent('requestfailed', (request) => request.url().endsWith('/events'));
  await look('hidden');
  await isOver;
  const had = (await reader.text()).length;
  const requests = reader.cursors.length;
  await owner.grows(had + 500);
  expect(reader.cursors).toHaveLength(requests);
  await look('visible');
  await reader.reaches('completed');
  expect(reader.cursors.slice(requests)).toEqual([expect.stringMatching(/^1-\d+$/)]);
  expect(await reader.text()).toBe(whole);
  expect((await reader.seen()).replacements).toBe(0);
});

it('whoever was removed is told so and loses the text, and a link that is revoked shows nothing any more', async () => {
  const { owner, guest, reader } = await meet();
  await owner.ask(question({ deltas: 2_000, intervalMs: 30, seed: 32 }));
  await Promise.all([owner, guest, reader].map((chat) => chat.grows(50)));

  await owner.get('share').click();
  // It is off until the page knows better, and what is off already is not turned off.
  await expect.poll(() => owner.get('public').isChecked(), patience).toBe(true);
  await owner.get('public').uncheck();
  await expect.poll(() => reader.get('notice').textContent(), patience).toContain('This link is gone');
  expect(await reader.get('message').count()).toBe(0);
  await owner.get('share-dialog').getByRole('button', { name: 'Remove' }).click();
  await expect.poll(() => guest.get('notice').textContent(), patience).toContain('no longer a member');
  expect(await guest.get('message').count()).toBe(0);
  expect(await guest.page.locator('body').textContent()).not.toContain('Welcome.');
  await expect.poll(() => guest.get('conversation-link').count(), patience).toBe(0);
  await guest.page.reload();
  await expect.poll(() => guest.get('notice').textContent(), patience).toContain('you are no member of it');

  await owner.get('share-dialog-close').click();
  await owner.get('stop').click();
  await owner.reaches('stopped');
});

it('ten tabs of one user share one connection: all read along, all can ask, and closing the first harms none', async () => {
  const directive = { deltas: 300, intervalMs: 30, seed: 33 };
  const whole = scriptedText(directive).join('');
  const first = await browser.open(base);
  await first.ask(question({ deltas: 3 }));
  await first.reaches('completed');
  const options = { hash: `#${first.conversationId()}`, context: first.page.context() };
  const tabs = [first];
  while (tabs.length < 10) tabs.push(await browser.open(base, options));
  await Promise.all(tabs.map((tab) => tab.reaches('completed')));
  const [, second, ...others] = tabs;
  const last = others.at(-1);
  if (!second || !last) throw new Error('ten tabs have a second and a last one');

  await last.ask(question(directive));
  await allRead(tabs, whole);
  expect(tabs.slice(1).flatMap(({ cursors }) => cursors)).toEqual([]);
  // The one with the connection.
  await first.page.close();
  const rest = tabs.slice(1);
  await allHaveRead(rest, whole, 5);
  expect(rest.flatMap(({ cursors }) => cursors)).toHaveLength(1);

  await Promise.all(rest.map((tab, seed) => tab.ask(question({ deltas: 3, seed }, `From tab ${seed}.`))));
  for (const tab of rest) {
    await expect.poll(() => tab.get('message').count(), patience).toBe(4 + 2 * rest.length);
    await tab.reaches('completed');
  }
});
