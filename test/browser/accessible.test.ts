/** Whoever cannot see the page, or sees it badly, or has no mouse, or reads from right to left. */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { question } from '../support/ask.ts';
import { findings } from '../support/axe.ts';
import { type ChatPage, patience, startBrowser, type TestBrowser } from '../support/browser.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';

let stack: Stack;
let browser: TestBrowser;
let base: string;

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  [stack, browser] = await Promise.all([startStack(), startBrowser()]);
  base = String(stack.apis[0]?.url);
  await stack.db.query(`update users set role = 'admin' where id = $1`, [testUser.id]);
});
afterEach(async () => expect(await browser.closePages()).toEqual([]));
afterAll(async () => {
  await browser?.stop();
  await stack?.stop();
});

const folder = fileURLToPath(new URL('../../test-artefacts/accessible/', import.meta.url));

/** Looks at what is on the screen, in light and in dark, and keeps pictures of it for people. */
async function look({ page }: ChatPage, state: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.screenshot({
      path: `${folder}${state.replaceAll(' ', '-').toLowerCase()}-${colorScheme}.png`,
    });
    expect(await findings(page), `${state}, ${colorScheme}`).toEqual([]);
  }
}

const rich = [
  '# A title',
  'Some **bold**, *slanted* and `inline code` with [a link](https://example.com/).',
  '- [x] done\n- [ ] to do',
  '1. one\n2. two',
  '> quoted',
  '| a | b |\n|---|---|\n| 1 | 2 |',
  '```ts\n// a comment\nconst rope: string = "hold" + 1;\nexport default rope;\n```',
  '$$\\sum_{n=1}^{\\infty} \\frac{1}{n^2}$$',
  '$$\\frac{1}{$$',
  '![A picture](https://example.com/picture.png)',
  'مرحبا بالعالم، كيف حالك؟',
].join('\n\n');

it('axe-core finds nothing serious at the gate, in the chat and behind a public link, in light and in dark', async () => {
  const visitor = await browser.open(base, { as: 'nobody' });
  await look(visitor, 'gate');
  await visitor.get('show-register').click();
  await look(visitor, 'register');

  const chat = await browser.open(base);
  await look(chat, 'empty');
  await chat.ask(question({ text: rich }, 'Show me everything.'));
  await chat.reaches('completed');
  // Colours and formulas come a moment later.
  await chat.page.locator('.katex').first().waitFor();
  await chat.page.locator('pre span[style]').first().waitFor();
  await look(chat, 'answer');
  await chat.page.setViewportSize({ width: 390, height: 844 });
  await look(chat, 'answer on a phone');
  await chat.page.getByRole('button', { name: 'Show conversations' }).click();
  await chat.get('conversation-link').waitFor();
  await look(chat, 'conversations on a phone');
  await chat.page.keyboard.press('Escape');
  await chat.page.setViewportSize({ width: 1280, height: 800 });

  await chat.get('more').click();
  await look(chat, 'menu');
  await chat.page.keyboard.press('Escape');
  await chat.get('share').click();
  await chat.get('invite').click();
  await chat.get('invite-url').waitFor();
  await chat.get('public').check();
  const shared = new URL(await chat.get('public-url').inputValue()).hash;
  await look(chat, 'share');
  await chat.page.keyboard.press('Escape');

  const reader = await browser.open(base, { as: 'nobody', hash: shared });
  await reader.reaches('completed');
  await look(reader, 'public link');
});

it('axe-core finds nothing serious in the settings and in the administration', async () => {
  const chat = await browser.open(base);
  await chat.get('account').click();
  await look(chat, 'account menu');
  await chat.get('settings').click();
  for (const tab of ['General', 'Account', 'API keys', 'Usage']) {
    await chat.page.getByRole('tab', { name: tab }).click();
    await look(chat, tab);
  }
  await chat.page.keyboard.press('Escape');
  await chat.get('tune').click();
  await chat.get('system-prompt').waitFor();
  await look(chat, 'instructions');
  await chat.page.keyboard.press('Escape');
  await chat.page.keyboard.press('Control+/');
  await chat.get('shortcuts-dialog').waitFor();
  await look(chat, 'shortcuts');
  await chat.page.keyboard.press('Escape');

  await chat.get('account').click();
  await chat.get('admin').click();
  await expect.poll(() => chat.get('queue-figures').textContent(), patience).toContain('Workers alive');
  await chat.page.getByRole('cell', { name: 'test-user@example.com' }).waitFor();
  await look(chat, 'administration');
});

it('a growing answer is read out in whole sentences, and at last that it is complete', async () => {
  const chat = await browser.open(base);
  await chat.page.evaluate(() => {
    const said: string[] = [];
    Object.assign(globalThis, { said });
    const region = document.querySelector('[data-testid=announcer]');
    if (!region) throw new Error('nothing would be read out');
    new MutationObserver(() => said.push(region.textContent)).observe(region, {
      childList: true,
      characterData: true,
      subtree: true,
    });
  });
  const said = () => chat.page.evaluate(() => (globalThis as unknown as { said: string[] }).said);
  const text = Array.from({ length: 12 }, (_, n) => `Sentence **${n}** is read as a whole.`).join(' ');
  await chat.ask(question({ text, deltas: 100, intervalMs: 40 }));
  await chat.reaches('completed');
  await expect.poll(async () => (await said()).at(-1), patience).toContain('The answer is complete.');
  const all = await said();
  expect(all[0]).toBe('The answer is being written.');
  expect(all.slice(1).join(' ').replaceAll(/\s+/g, ' ')).toBe(
    `${text.replaceAll('*', '')} The answer is complete.`,
  );
  expect(all.length).toBeGreaterThan(2);
  for (const piece of all.slice(1, -1)) expect(piece).toMatch(/^Sentence.*whole\.$/);
});

it('everything can be done by keys: new, search, edit the last, stop, help', async () => {
  const chat = await browser.open(base);
  const { keyboard } = chat.page;
  await chat.ask(question({ deltas: 2_000, intervalMs: 30 }));
  await chat.grows(50);
  await keyboard.press('Escape');
  await chat.reaches('stopped');
  await expect.poll(() => chat.get('announcer').textContent(), patience).toMatch(/Stopped\.$/);

  await chat.get('composer').press('ArrowUp');
  await expect.poll(() => chat.get('edit-text').inputValue(), patience).toContain('Please answer.');
  await keyboard.press('Escape');
  await chat.get('edit-text').waitFor({ state: 'detached' });
  // Escape gave up the edit, and stopped nothing.
  expect(await chat.get('message').count()).toBe(2);

  await keyboard.press('Control+k');
  await expect
    .poll(() => chat.page.evaluate(() => document.activeElement?.getAttribute('type')), patience)
    .toBe('search');
  await keyboard.press('Control+Shift+o');
  await expect.poll(() => chat.get('message').count(), patience).toBe(0);
  expect(await chat.page.evaluate(() => document.activeElement?.id)).toBe('composer');
  await keyboard.press('Control+/');
  await chat.page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
  await keyboard.press('Escape');
});

it('no button that goes with what it did takes the keyboard with it', async () => {
  const chat = await browser.open(base);
  const focused = () => chat.page.evaluate(() => (document.activeElement as HTMLElement).dataset['testid']);
  await chat.ask(question({ deltas: 2_000, intervalMs: 30 }));
  await chat.grows(50);
  await chat.get('stop').click();
  await chat.reaches('stopped');
  await chat.get('continue').click();
  await chat.get('stop').click();
  await chat.reaches('stopped');
  expect(await focused()).toBe('composer');
  await chat.get('regenerate').click();
  await chat.reaches('answering');
  expect(await focused()).toBe('composer');
  await chat.get('stop').click();
  await chat.reaches('stopped');
  await chat.get('version-previous').click();
  await expect.poll(focused, patience).toMatch(/^version-/);

  await chat.get('new-conversation').click();
  await expect.poll(() => chat.get('message').count(), patience).toBe(0);
  await chat.get('conversation-link').first().click();
  await expect.poll(() => chat.get('message').count(), patience).toBe(2);
  await expect.poll(focused, patience).toBe('composer');
  await chat.get('more').click();
  await chat.get('menu-delete').click();
  await chat.get('undo').click();
  await expect.poll(focused, patience).toBe('composer');
});

it('the page speaks Chinese to whoever chooses it or whose browser does, and keeps to it', async () => {
  const chat = await browser.open(base, { contextOptions: { locale: 'zh-CN' } });
  await chat.page.getByRole('button', { name: '新对话' }).waitFor();
  expect(await chat.page.evaluate(() => document.documentElement.lang)).toBe('zh-CN');
  await chat.get('account').click();
  await chat.get('settings').click();
  await chat.get('language').selectOption('en');
  await chat.page.getByRole('dialog', { name: 'Settings' }).waitFor();
  await chat.get('theme').selectOption('dark');
  await chat.page.reload();
  await chat.page.getByRole('button', { name: 'New conversation' }).waitFor();
  const scheme = () => chat.page.evaluate(() => getComputedStyle(document.documentElement).colorScheme);
  expect(await scheme()).toBe('dark');
});

it('each paragraph runs as its letters do, and code runs from left to right', async () => {
  const chat = await browser.open(base);
  const parts = ['مرحبا بالعالم', 'Hello world', '- مرحبا\n\n- بالعالم', '> مرحبا', '```\nx = 1\n```'];
  await chat.ask(question({ text: parts.join('\n\n') }));
  await chat.reaches('completed');
  const directions = await chat.last
    .locator('p:not(li p, blockquote p), ul, blockquote, pre')
    .evaluateAll((all) => all.map((one) => getComputedStyle(one).direction));
  expect(directions.slice(0, 5)).toEqual(['rtl', 'ltr', 'rtl', 'rtl', 'ltr']);
});
