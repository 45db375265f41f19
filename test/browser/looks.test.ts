/** What is where on the page, and pictures of each of its states for people to look at: test-artefacts/page/. */
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type StandIn, startStandIn } from '../../packages/stand-in/src/stand-in.ts';
import { question } from '../support/ask.ts';
import { type ChatPage, patience, startBrowser, type TestBrowser } from '../support/browser.ts';
import { type ChaosProxy, startChaosProxy } from '../support/chaos-proxy.ts';
import { type Stack, startStack } from '../support/stack.ts';

const folder = fileURLToPath(new URL('../../test-artefacts/page/', import.meta.url));
const sizes = { desktop: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } } as const;

let stack: Stack;
let provider: StandIn;
let browser: TestBrowser;
let proxy: ChaosProxy;

beforeAll(async () => {
  mkdirSync(folder, { recursive: true });
  // Slower than in other tests: the pictures of an answer that is being written need some seconds of it.
  provider = await startStandIn({ pace: { tokensPerSecond: 100, firstTokenMs: 0, jitter: 0 } });
  [stack, browser] = await Promise.all([
    startStack({ env: { OPENAI_BASE_URL: provider.url } }),
    startBrowser(),
  ]);
  proxy = await startChaosProxy({
    target: { host: '127.0.0.1', port: Number(new URL(String(stack.apis[0]?.url)).port) },
  });
});
afterAll(async () => {
  await browser?.stop();
  await proxy?.stop();
  await stack?.stop();
  await provider?.stop();
});

/** Takes the four pictures of a state; in each of them everything has to be within the window. `always`: what is seen. */
async function shoot(
  { page, get, belowSight }: ChatPage,
  state: string,
  always: readonly string[] = ['composer'],
): Promise<void> {
  for (const [size, viewport] of Object.entries(sizes)) {
    await page.setViewportSize(viewport);
    // The end stays in sight when a window changes its shape.
    if (always.includes('composer')) await expect.poll(belowSight, patience).toBeLessThan(33);
    for (const colorScheme of ['light', 'dark'] as const) {
      // A picture in the middle of a change of colours shows neither.
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.screenshot({ path: `${folder}${state}-${size}-${colorScheme}.png` });
    }
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    expect(width, `${state} on a ${size}`).toBeLessThanOrEqual(viewport.width);
    const cut = await page.evaluate(() => {
      const log = document.getElementById('scroller');
      return log ? log.scrollWidth - log.clientWidth : 0;
    });
    expect(cut, `${state} on a ${size}: beside the log`).toBe(0);
    for (const testId of always) await expectInside(get(testId), viewport);
  }
}

async function expectInside(
  element: ReturnType<ChatPage['get']>,
  { width, height }: { width: number; height: number },
): Promise<void> {
  const box = await element.boundingBox();
  if (!box) throw new Error('it is not on the page');
  expect(Math.min(box.x, box.y)).toBeGreaterThanOrEqual(0);
  expect(box.x + box.width).toBeLessThanOrEqual(width);
  expect(box.y + box.height).toBeLessThanOrEqual(height);
}

it('every state fits a desktop and a phone, in light and in dark', async () => {
  const chat = await browser.open(proxy.url());
  await shoot(chat, 'empty');

  await chat.ask('How do I follow a run in TypeScript? Show me the code, please.');
  await chat.reaches('completed');
  await shoot(chat, 'finished');

  // Long enough for all that follows, on any machine; Stop ends it.
  await chat.ask(question({ deltas: 5_000, intervalMs: 30, seed: 29 }, 'Thank you. 请再说一遍。'));
  await expect.poll(() => chat.get('message').count(), patience).toBe(4);
  await chat.grows(300);
  await shoot(chat, 'answering');
  expect(await chat.last.getAttribute('data-status')).toBe('answering');

  await proxy.refuse();
  proxy.reset();
  await expect
    .poll(() => chat.get('connection').evaluate((line) => getComputedStyle(line).opacity), patience)
    .toBe('1');
  await chat.get('connection').waitFor();
  await shoot(chat, 'reconnecting');
  await proxy.pass();

  await chat.get('connection').waitFor({ state: 'hidden' });
  await chat.get('stop').click();
  await chat.reaches('stopped');
  await chat.get('regenerate').last().waitFor();
  await shoot(chat, 'stopped');

  await chat.get('more').click();
  await shoot(chat, 'menu', ['menu-rename', 'menu-delete']);
  await chat.get('menu-delete').click();
  await shoot(chat, 'undo');

  await chat.page.goto(`${proxy.url()}/#`);
  await chat.ask(question({ status: 401 }, 'Can you hear me?'));
  await chat.reaches('failed');
  await chat.get('retry').waitFor();
  await shoot(chat, 'failed');
});

it('who scrolls up in a growing answer stays there, and who goes back to the end follows it again', async () => {
  const chat = await browser.open(proxy.url());
  await chat.ask(question({ deltas: 500, intervalMs: 10, seed: 12 }));
  await expect
    .poll(() => chat.page.evaluate(() => document.getElementById('scroller')?.scrollTop), patience)
    .toBeGreaterThan(300);
  await chat.page.mouse.move(700, 400);
  await chat.page.mouse.wheel(0, -250);
  await expect.poll(chat.belowSight, patience).toBeGreaterThan(200);
  const before = await chat.belowSight();
  // It grows, out of sight.
  await expect.poll(chat.belowSight, patience).toBeGreaterThan(before + 100);
  await chat.page.mouse.wheel(0, 100_000);
  await expect.poll(chat.belowSight, patience).toBeLessThan(33);
  const length = (await chat.text()).length;
  await chat.grows(length + 300);
  await chat.reaches('completed');
  await expect.poll(chat.belowSight, patience).toBeLessThan(33);
});

it('the gate, sharing, and what is shared fit a desktop and a phone, in light and in dark', async () => {
  const chat = await browser.open(proxy.url(), { as: 'nobody' });
  await shoot(chat, 'gate', ['guest', 'show-login', 'show-register']);
  await chat.get('show-register').click();
  await shoot(chat, 'register', ['name', 'email', 'password', 'submit-credentials']);
  await chat.get('gate-back').click();
  await chat.get('guest').click();

  await chat.ask(`${'A title without end, '.repeat(6)} please. ${'x'.repeat(200)}`);
  await chat.reaches('completed');
  await chat.get('share').click();
  await chat.get('invite').click();
  await expect.poll(() => chat.get('invite-url').inputValue(), patience).toContain('#invitations/');
  await chat.get('public').check();
  await expect.poll(() => chat.get('public-url').inputValue(), patience).toContain('#shared/');
  await shoot(chat, 'share', ['share-dialog-close', 'invite', 'invite-copy', 'public-copy']);
  const [invitation = '', shared = ''] = await Promise.all(
    ['invite-url', 'public-url'].map((testId) => chat.get(testId).inputValue()),
  );
  await chat.get('share-dialog-close').click();

  // Edited: two versions, of which the second is shown.
  await chat.page.mouse.move(700, 400);
  await chat.get('edit').focus();
  await chat.get('edit').click();
  await shoot(chat, 'editing', ['edit-text', 'edit-cancel', 'edit-send']);
  await chat.get('edit-text').fill('How do I follow a run in TypeScript?');
  await chat.get('edit-send').click();
  await chat.get('versions').waitFor();
  await chat.reaches('completed');
  await shoot(chat, 'versions', []);
  await chat.page.setViewportSize(sizes.desktop);
  await chat.get('account').click();
  await chat.get('settings').click();
  await shoot(chat, 'settings', ['own-name', 'theme', 'language']);
  await chat.page.getByRole('tab', { name: 'Account' }).click();
  await expect.poll(() => chat.get('sessions').locator('li').count(), patience).toBe(1);
  await shoot(chat, 'account', ['sessions']);
  await chat.page.getByRole('tab', { name: 'API keys' }).click();
  await chat.get('key-name').fill('A program');
  await chat.get('create-key').click();
  await shoot(chat, 'keys', ['new-key-url']);
  await chat.page.getByRole('tab', { name: 'Usage' }).click();
  await chat.page.getByRole('img', { name: 'Tokens by day' }).waitFor();
  await shoot(chat, 'usage', []);
  await chat.page.keyboard.press('Escape');
  await chat.page.setViewportSize(sizes.desktop);
  await chat.get('tune').click();
  await shoot(chat, 'tune', ['system-prompt']);
  await chat.page.keyboard.press('Escape');
  await chat.page.setViewportSize(sizes.phone);
  await chat.page.getByRole('button', { name: 'Show conversations' }).click();
  await chat.get('search').fill('typescript');
  await expect.poll(() => chat.get('conversation-link').allInnerTexts(), patience).toHaveLength(1);
  await chat.page.screenshot({ path: `${folder}list-phone-light.png` });

  const reader = await browser.open(proxy.url(), { as: 'nobody', hash: new URL(shared).hash });
  await reader.reaches('completed');
  await shoot(reader, 'shared', ['badge']);
  const invited = await browser.open(proxy.url(), { as: 'guest', hash: new URL(invitation).hash });
  await invited.get('join').waitFor();
  await shoot(invited, 'invitation', ['join', 'decline']);
});

it('an answer that waits shows its place in the queue, on a desktop and a phone', async () => {
  const chat = await browser.open(proxy.url());
  await chat.ask(question({ deltas: 3 }));
  await chat.reaches('completed');
  await stack.workers[0]?.stop();
  await chat.ask(`Are you there? 一二三四五六七八九十${'一二三四五六七八九十'.repeat(9)} ${'w'.repeat(300)}`);
  await chat.ask('And now?');
  await expect.poll(() => chat.page.locator('#log').textContent(), patience).toContain('in line');
  await shoot(chat, 'queued');
  await stack.startWorker();
  await chat.reaches('completed');
});
