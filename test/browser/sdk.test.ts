/** The SDK as its users have it: the examples of its README, in Chromium and in Node, against a real server. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ReadmePages, startReadmePages } from '../../packages/client/scripts/readme-pages.ts';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { question } from '../support/ask.ts';
import { patience } from '../support/browser.ts';
import { launchChromium } from '../support/chromium.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';

let stack: Stack;
let browser: Browser;
let pages: ReadmePages;
let api: string;
const contexts: BrowserContext[] = [];
const problems: string[] = [];
/** The cursor of each connection for events of the whole user. */
const connections: (string | null)[] = [];

beforeAll(async () => {
  [stack, browser] = await Promise.all([startStack(), launchChromium()]);
  api = String(stack.apis[0]?.url);
  pages = await startReadmePages(api);
});
afterEach(async () => {
  await Promise.all(contexts.splice(0).map((context) => context.close()));
  connections.length = 0;
  expect(problems.splice(0)).toEqual([]);
});
afterAll(async () => {
  await browser?.close();
  await pages?.stop();
  await stack?.stop();
});

async function newContext(): Promise<BrowserContext> {
  const context = await browser.newContext();
  contexts.push(context);
  return context;
}

/** Opens an example; in a new context it begins as a guest. */
async function open(name: string, context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  page.on('pageerror', (error) => problems.push(error.stack ?? error.message));
  page.on('request', (request) => {
    if (new URL(request.url()).pathname === '/api/events')
      connections.push(request.headers()['last-event-id'] ?? null);
  });
  await page.goto(`${pages.url}/${name}`);
  // A form that is there before its script would be sent by the browser itself.
  await expect.poll(() => page.locator('output').textContent(), patience).not.toBe('');
  return page;
}

async function ask(page: Page, text: string): Promise<void> {
  await page.locator('input').fill(text);
  await page.getByRole('button', { name: 'Ask' }).click();
}

const items = (page: Page) =>
  page
    .locator('li')
    .evaluateAll((all) =>
      all.map((one) => [(one as HTMLElement).dataset['status'], one.textContent] as const),
    );
const last = async (page: Page) => (await items(page)).at(-1);
const reaches = (page: Page, status: string) =>
  expect.poll(async () => (await last(page))?.[0], patience).toBe(status);
/** Resolves when the answer has begun and has more than this many characters. */
async function grows(page: Page, charsMin: number): Promise<void> {
  await reaches(page, 'answering');
  await expect.poll(async () => (await last(page))?.[1]?.length ?? 0, patience).toBeGreaterThan(charsMin);
}
const squeeze = (text: string) => text.replaceAll(/\s+/g, ' ').trim();
const ends = async (page: Page, text: string) => {
  await reaches(page, 'completed');
  expect(squeeze((await last(page))?.[1] ?? '')).toBe(squeeze(`assistant: ${text}`));
};

describe.each(['vanilla.html', 'react.html', 'vue.html'])('the example %s', (name) => {
  it('asks as a guest, shows the answer as it is written, and stops it', async () => {
    const page = await open(name, await newContext());
    const directive = { deltas: 30, intervalMs: 20, seed: 31 };
    await ask(page, question(directive));
    await reaches(page, 'answering');
    await ends(page, scriptedText(directive).join(''));
    await ask(page, question({ deltas: 500, intervalMs: 20, seed: 32 }));
    await grows(page, 30);
    await page.getByRole('button', { name: 'Stop' }).click();
    await reaches(page, 'stopped');
    await expect.poll(() => page.locator('output').textContent(), patience).toBe('stopped');
  });
});

it('the package weighs no more than it may, and every kind of project finds its modules and types', async () => {
  const check = fileURLToPath(new URL('../../packages/client/scripts/check.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [check, '--built']);
  expect(stdout.match(/^ok /gm)).toHaveLength(7);
});

it('the example for Node prints the answer', async () => {
  const env = { ...process.env, HOLDFAST_URL: api, HOLDFAST_API_KEY: testUser.apiKey };
  const { stdout } = await promisify(execFile)(process.execPath, [pages.nodeExample], { env });
  expect(stdout).toMatch(/\S[\s\S]*\ncompleted, \d+ tokens\n$/);
});

it('what is written in a tunnel is shown at once, survives a reload, and is stored once when the net is back', async () => {
  const context = await newContext();
  const page = await open('vanilla.html', context);
  await ask(page, question({ deltas: 2, seed: 33 }));
  await reaches(page, 'completed');
  await context.setOffline(true);
  const directive = { deltas: 5, seed: 34 };
  await ask(page, question(directive, 'From a tunnel.'));
  await reaches(page, 'waiting');
  await expect.poll(() => page.locator('output').textContent(), patience).toBe('reconnecting');
  await context.setOffline(false);
  await page.reload();
  await ends(page, scriptedText(directive).join(''));
  const asked = (await items(page)).filter(([, text]) => text?.includes('From a tunnel.'));
  expect(asked).toHaveLength(1);
});

it('a page that is loaded again in mid-answer goes on from where it was, and asks for nothing that it had', async () => {
  const page = await open('vanilla.html', await newContext());
  const directive = { deltas: 250, intervalMs: 15, seed: 35 };
  await ask(page, question(directive));
  await grows(page, 200);
  connections.length = 0;
  await page.reload();
  await expect.poll(() => connections.length, patience).toBe(1);
  expect(connections[0]).toMatch(/~/);
  await grows(page, 200);
  await ends(page, scriptedText(directive).join(''));
});

it('ten tabs need one connection, and go on over another when the tab that has it closes', async () => {
  const context = await newContext();
  const first = await open('vanilla.html', context);
  await ask(first, question({ deltas: 2, seed: 36 }));
  await reaches(first, 'completed');
  const { hash } = new URL(first.url());
  const others = await Promise.all(Array.from({ length: 9 }, () => open(`vanilla.html${hash}`, context)));
  await Promise.all(others.map((page) => reaches(page, 'completed')));
  const directive = { deltas: 250, intervalMs: 25, seed: 37 };
  await ask(first, question(directive));
  await Promise.all(others.map((page) => grows(page, 30)));
  // Of all tabs: before the conversation was made, and when it was to be followed.
  expect(connections.length).toBeLessThanOrEqual(2);
  const before = connections.length;
  await first.close();
  await expect.poll(() => connections.length, patience).toBe(before + 1);
  expect(connections.at(-1)).not.toBeNull();
  await Promise.all(others.map((page) => ends(page, scriptedText(directive).join(''))));
  expect(connections).toHaveLength(before + 1);
});
