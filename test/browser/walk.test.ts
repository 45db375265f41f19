/** A new user, without reading anything, from the gate to a conversation with somebody else: on a desktop and on a phone. */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { call, question } from '../support/ask.ts';
import { type ChatPage, patience, startBrowser, type TestBrowser } from '../support/browser.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { type Stack, startStack } from '../support/stack.ts';

const folder = fileURLToPath(new URL('../../test-artefacts/walk/', import.meta.url));

let stack: Stack;
let browser: TestBrowser;
let base: string;

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  [stack, browser] = await Promise.all([startStack(), startBrowser()]);
  base = String(stack.apis[0]?.url);
});
afterAll(async () => {
  await browser?.stop();
  await stack?.stop();
});

it.each([
  ['desktop', { width: 1280, height: 800 }],
  ['phone', { width: 390, height: 844 }],
] as const)(
  'on a %s: guest, ask, stop, regenerate, reload, sign up, share, read together',
  async (size, viewport) => {
    const contextOptions = { viewport };
    const visitor = await browser.open(base, { as: 'nobody', contextOptions });
    const { page } = visitor;
    let pictures = 0;
    const picture = (chat: ChatPage, name: string) =>
      chat.page.screenshot({ path: `${folder}${size}-${++pictures}-${name}.png` });

    await picture(visitor, 'gate');
    await page.getByRole('button', { name: 'Continue as guest' }).click();
    const field = page.getByRole('textbox', { name: 'Message' });
    await field.fill(question({ deltas: 400, intervalMs: 25, seed: 41 }, 'Tell me about the sea.'));
    await page.getByRole('button', { name: 'Send' }).click();
    await visitor.grows(200);
    await picture(visitor, 'answering');
    await page.getByRole('button', { name: 'Stop answering' }).click();
    await visitor.reaches('stopped');
    await picture(visitor, 'stopped');

    await page.getByRole('button', { name: 'Regenerate' }).click();
    // The one that was stopped may be as long: what is read next must be of the new one.
    await visitor.reaches('answering');
    await visitor.grows(300);
    const before = (await visitor.text()).length;
    await page.reload();
    await visitor.grows(before);
    await visitor.reaches('completed');
    expect(await visitor.text()).toBe(scriptedText({ deltas: 400, seed: 41 }).join(''));
    await page.getByRole('group', { name: 'Versions' }).getByText('2/2').waitFor();
    const id = visitor.conversationId();

    if (size === 'phone') await page.getByRole('button', { name: 'Show conversations' }).click();
    await page.getByRole('button', { name: 'Your account' }).click();
    await page.getByRole('menuitem', { name: 'Register to keep everything' }).click();
    await page.getByRole('textbox', { name: 'Name' }).fill('Ada');
    await page.getByRole('textbox', { name: 'E-mail' }).fill(`ada-${size}@example.com`);
    await page.getByLabel('Password').fill('correct horse battery');
    await picture(visitor, 'register');
    await page.getByRole('button', { name: 'Register', exact: true }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    // The conversation is where it was, and stays.
    expect(visitor.conversationId()).toBe(id);
    await page.reload();
    await visitor.reaches('completed');

    await page.getByRole('button', { name: 'Share' }).click();
    await page.getByRole('button', { name: 'Create link' }).click();
    const link = page.getByRole('textbox', { name: 'Invitation link' });
    await link.waitFor();
    const { hash } = new URL(await link.inputValue());
    await picture(visitor, 'share');
    await page.getByRole('button', { name: 'Close' }).click();

    const other = await browser.open(base, { as: 'nobody', hash, contextOptions });
    await other.page.getByRole('button', { name: 'Register' }).click();
    await other.page.getByRole('textbox', { name: 'Name' }).fill('Grace');
    await other.page.getByRole('textbox', { name: 'E-mail' }).fill(`grace-${size}@example.com`);
    await other.page.getByLabel('Password').fill('correct horse battery');
    await other.page.getByRole('button', { name: 'Register' }).click();
    await picture(other, 'invitation');
    await other.page.getByRole('button', { name: 'Join' }).click();
    await other.reaches('completed');
    const directive = { deltas: 300, intervalMs: 25, seed: 42 };
    await other.ask(question(directive, 'And about harbours?'));
    await Promise.all([visitor, other].map((chat) => chat.reaches('answering')));
    await Promise.all([visitor, other].map((chat) => chat.grows(200)));
    expect(await visitor.last.getAttribute('data-status')).toBe('answering');
    await page.getByText('Grace').waitFor();
    await picture(visitor, 'together');
    for (const chat of [visitor, other]) {
      await chat.reaches('completed');
      expect(await chat.text()).toBe(scriptedText(directive).join(''));
      expect((await chat.seen()).replacements).toBe(0);
    }
    expect(await browser.closePages()).toEqual([]);
  },
);

it('fifty reloads at random moments of one answer leave every byte of it where it was', async () => {
  const directive = { deltas: 1_200, intervalMs: 25, seed: 43 };
  const random = seededRandom(20_261_122);
  const chat = await browser.open(base);
  await chat.ask(question(directive));
  await chat.grows(20);
  for (let reload = 0; reload < 50; reload++) {
    // Some come before the page has asked for anything, some in the middle of its answer.
    await new Promise((resolve) => setTimeout(resolve, random() * 400));
    await chat.page.reload({ waitUntil: 'commit' });
  }
  await chat.grows(20);
  await chat.reaches('completed');
  expect(await chat.text()).toBe(scriptedText(directive).join(''));
  expect(await chat.get('message').count()).toBe(2);
  expect(await browser.closePages()).toEqual([]);
});

it('what is written without a network is sent once when it is back, also after a reload of the page', async () => {
  const chat = await browser.open(base);
  await chat.ask(question({ deltas: 3 }, 'Before the tunnel.'));
  await chat.reaches('completed');
  const id = chat.conversationId();
  const context = chat.page.context();
  await context.setOffline(true);
  await chat.get('composer').fill(question({ deltas: 3 }, 'In the tunnel.'));
  await chat.get('composer').press('Enter');
  await expect.poll(() => chat.last.getAttribute('data-status'), patience).toBe('waiting');
  await expect.poll(() => chat.last.textContent(), patience).toContain('In the tunnel.');
  await context.setOffline(false);
  await expect.poll(() => chat.get('message').count(), patience).toBe(4);
  await chat.reaches('completed');
  const { messages } = (
    await call<{ messages: { text: string }[] }>(base, 'GET', `/api/conversations/${id}/messages`)
  ).body;
  expect(messages.filter(({ text }) => text.startsWith('In the tunnel.'))).toHaveLength(1);
  expect(await browser.closePages()).toEqual([]);
});
