/** What a person does with conversations as wholes, and with the keyboard. */
import { readFile } from 'node:fs/promises';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { call, getHistory, question } from '../support/ask.ts';
import { type ChatPage, patience, startBrowser, type TestBrowser } from '../support/browser.ts';
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

const titles = (chat: ChatPage) => chat.get('conversation-link').allInnerTexts();

/** Asks in a new conversation, and names it. */
async function begin(chat: ChatPage, title: string): Promise<void> {
  await chat.get('new-conversation').click();
  await expect.poll(() => chat.get('message').count(), patience).toBe(0);
  await chat.ask(question({ text: `The answer about ${title}.` }, `About ${title}.`));
  await chat.reaches('completed');
  await choose(chat, 'menu-rename');
  await chat.get('title-field').fill(title);
  await chat.get('title-field').press('Enter');
  await expect.poll(() => chat.get('title').textContent(), patience).toBe(title);
}

async function openSettings(chat: ChatPage): Promise<void> {
  await chat.get('account').click();
  await chat.get('settings').click();
  await chat.get('settings-dialog').waitFor();
}

async function choose(chat: ChatPage, testId: string): Promise<void> {
  await chat.get('more').click();
  await chat.get(testId).click();
}

it('a conversation can be named, pinned, archived, found, taken out again, saved and deleted', async () => {
  const chat = await browser.open(base);
  await begin(chat, 'Anchors');
  await begin(chat, '船锚');
  await expect.poll(() => titles(chat), patience).toEqual(['船锚', 'Anchors']);

  await chat.get('conversation-link').getByText('Anchors').click();
  await expect.poll(() => chat.get('title').textContent(), patience).toBe('Anchors');
  await choose(chat, 'menu-pin');
  await chat.page.getByRole('img', { name: 'Pinned' }).waitFor();
  await expect.poll(() => titles(chat), patience).toEqual(['Anchors', '船锚']);

  await chat.get('search').fill('船');
  await expect.poll(() => chat.get('list-title').textContent(), patience).toBe('Found');
  await expect.poll(async () => (await titles(chat)).join(), patience).toMatch(/^船锚/);
  await chat.get('search').fill('nothing has this');
  await expect.poll(() => chat.get('list-title').textContent(), patience).toBe('Nothing found');
  await chat.get('search').fill('');
  await expect.poll(() => titles(chat), patience).toHaveLength(2);

  const id = chat.conversationId();
  for (const [format, word] of [
    ['markdown', '# Anchors'],
    ['json', `"conversationId":"${id}"`],
  ] as const) {
    const download = chat.page.waitForEvent('download');
    await choose(chat, `menu-${format}`);
    const file = await download;
    expect(file.suggestedFilename()).toMatch(/^Anchors\.(md|json)$/);
    expect(await readFile(await file.path(), 'utf8')).toContain(word);
  }

  await choose(chat, 'menu-archive');
  await expect.poll(() => titles(chat), patience).toEqual(['船锚']);
  await expect.poll(() => chat.conversationId(), patience).toBe('');
  await chat.get('show-archived').click();
  await expect.poll(() => titles(chat), patience).toEqual(['Anchors']);
  await chat.get('conversation-link').click();
  await expect.poll(() => chat.get('title').textContent(), patience).toBe('Anchors');
  await choose(chat, 'menu-archive');
  await expect.poll(() => titles(chat), patience).toEqual([]);
  await chat.get('show-archived').click();
  await expect.poll(() => titles(chat), patience).toEqual(['Anchors', '船锚']);

  await choose(chat, 'menu-delete');
  await expect.poll(() => titles(chat), patience).toEqual(['船锚']);
  await expect.poll(() => chat.get('message').count(), patience).toBe(0);
  await chat.page.getByRole('button', { name: 'Undo' }).click();
  await expect.poll(() => titles(chat), patience).toEqual(['Anchors', '船锚']);
  expect((await call(base, 'GET', `/api/conversations/${id}`)).status).toBe(200);
  await chat.get('conversation-link').getByText('Anchors').click();
  await expect.poll(() => chat.get('title').textContent(), patience).toBe('Anchors');
  await choose(chat, 'menu-delete');
  await expect.poll(() => titles(chat), patience).toEqual(['船锚']);
  // Whoever leaves the page undoes nothing any more.
  await chat.page.reload();
  await expect
    .poll(async () => (await call(base, 'GET', `/api/conversations/${id}`)).status, patience)
    .toBe(404);
  await expect.poll(() => titles(chat), patience).toEqual(['船锚']);
});

it('the list says which conversation is being answered, for as long as it is, wherever one looks', async () => {
  const chat = await browser.open(base);
  await chat.ask(question({ deltas: 5_000, intervalMs: 20 }, 'A long one.'));
  await chat.reaches('answering');
  await chat.get('new-conversation').click();
  const mark = chat.page.getByRole('link', { name: 'Being answered' });
  await mark.waitFor();
  // It has no title yet: it is known by its question.
  expect(await mark.textContent()).toContain('A long one.');
  await mark.click();
  await expect.poll(() => chat.get('title').textContent(), patience).toContain('A long one.');
  await chat.get('stop').click();
  await mark.waitFor({ state: 'detached' });
  await chat.page.reload();
  await expect.poll(async () => (await titles(chat)).join(), patience).toContain('A long one.');
});

it('an answer can be copied, and versions switched, also in another tab', async () => {
  const contextOptions = { permissions: ['clipboard-read', 'clipboard-write'] };
  const chat = await browser.open(base, { contextOptions });
  await chat.ask(question({ text: 'One `line`\nand another.' }));
  await chat.reaches('completed');
  await chat.get('copy').last().click();
  await expect.poll(() => chat.get('copy').last().getAttribute('aria-label'), patience).toBe('Copied');
  expect(await chat.page.evaluate(() => navigator.clipboard.readText())).toBe('One `line`\nand another.');

  await chat.get('regenerate').click();
  await expect.poll(() => chat.get('versions').textContent(), patience).toContain('2/2');
  await chat.reaches('completed');
  const tab = await browser.open(base, { hash: `#${chat.conversationId()}`, context: chat.page.context() });
  await expect.poll(() => tab.get('versions').textContent(), patience).toContain('2/2');
  await tab.get('version-previous').click();
  await expect.poll(() => chat.get('versions').textContent(), patience).toContain('1/2');
});

it('what is sent while the conversation is still being read goes out when it is', async () => {
  const chat = await browser.open(base);
  await chat.ask(question({ deltas: 3 }, 'The first.'));
  await chat.reaches('completed');
  const read = Promise.withResolvers<void>();
  await chat.page.route(/\/messages$/, async (route) => {
    await read.promise;
    await route.continue();
  });
  await chat.page.reload();
  await chat.get('composer').fill(question({ deltas: 3 }, 'The second.'));
  await chat.get('composer').press('Enter');
  expect(await chat.get('message').count()).toBe(0);
  read.resolve();
  await expect.poll(() => chat.get('message').count(), patience).toBe(4);
  await chat.reaches('completed');
  expect(await chat.get('composer').inputValue()).toBe('');
});

it('Enter that ends a composition does not send, Shift+Enter makes a line, Escape gives up an edit', async () => {
  const chat = await browser.open(base);
  const composer = chat.get('composer');
  await composer.fill('你好');
  // What Chromium and Safari tell of an Enter that takes a suggestion of an input method.
  for (const init of [{ isComposing: true }, { keyCode: 229 }]) {
    await composer.dispatchEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...init });
  }
  await composer.press('Shift+Enter');
  expect(await composer.inputValue()).toBe('你好\n');
  expect(await chat.get('message').count()).toBe(0);
  await composer.pressSequentially('世界');
  await composer.press('Enter');
  await chat.reaches('completed');
  const { messages } = await getHistory(base, chat.conversationId());
  expect(messages[0]?.text).toBe('你好\n世界');

  await chat.get('edit').focus();
  await chat.page.keyboard.press('Enter');
  await chat.get('edit-text').fill('Something else.');
  await chat.get('edit-text').press('Escape');
  await expect.poll(() => chat.get('edit-text').count(), patience).toBe(0);
  expect(await chat.get('message').first().textContent()).toContain('世界');
  // Whoever uses the keyboard is where they were.
  const focused = () => chat.page.evaluate(() => (document.activeElement as HTMLElement).dataset['testid']);
  await expect.poll(focused, patience).toBe('edit');

  await chat.get('share').click();
  await chat.page.keyboard.press('Escape');
  await chat.get('share-dialog').waitFor({ state: 'hidden' });
  await expect.poll(focused, patience).toBe('share');
});

it('every button and field has a name, in every dialog', async () => {
  const chat = await browser.open(base);
  await chat.ask(question({ deltas: 3 }));
  await chat.reaches('completed');
  await chat.get('edit').focus();
  const unnamed = () =>
    chat.page.evaluate(() =>
      [...document.querySelectorAll<HTMLElement>('button, a[href], input, select, textarea')]
        .filter((one) => one.checkVisibility())
        .filter((one) => {
          const label = one instanceof HTMLInputElement ? one.labels?.[0]?.textContent : one.textContent;
          const own = one instanceof HTMLTextAreaElement ? one.labels?.[0]?.textContent : label;
          return !(one.ariaLabel ?? own)?.trim();
        })
        .map(({ outerHTML }) => outerHTML),
    );
  expect(await unnamed()).toEqual([]);
  await chat.get('share').click();
  await chat.get('share-dialog').waitFor();
  expect(await unnamed()).toEqual([]);
  await chat.page.keyboard.press('Escape');
  await openSettings(chat);
  for (const tab of ['Account', 'API keys', 'Usage']) {
    await chat.page.getByRole('tab', { name: tab }).click();
    expect(await unnamed()).toEqual([]);
  }
  await chat.page.keyboard.press('Escape');
  await choose(chat, 'menu-rename');
  expect(await unnamed()).toEqual([]);
});

it('a session elsewhere can be ended from the account, and the browser there is told', async () => {
  const here = await browser.open(base, { as: 'nobody' });
  await here.get('show-register').click();
  await here.get('email').fill('sessions@example.com');
  await here.get('password').fill('correct horse battery');
  await here.get('submit-credentials').click();
  await here.get('composer').waitFor();
  const there = await browser.open(base, { as: 'nobody' });
  await there.get('show-login').click();
  await there.get('email').fill('sessions@example.com');
  await there.get('password').fill('correct horse battery');
  await there.get('submit-credentials').click();
  await there.get('composer').waitFor();

  await openSettings(here);
  await here.page.getByRole('tab', { name: 'Account' }).click();
  await expect.poll(() => here.get('sessions').locator('li').count(), patience).toBe(2);
  await here.get('sessions').getByRole('button').click();
  await expect.poll(() => here.get('sessions').locator('li').count(), patience).toBe(1);
  await expect
    .poll(() => there.get('gate-lead').textContent(), patience)
    .toBe('You are no longer signed in.');
});
