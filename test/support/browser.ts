/**
 * A real Chromium for the tests of the page. Every page that it opens keeps watch on itself: what the answer looked
 * like at every moment, and everything that must not happen (errors, breaches of the content security policy, requests
 * to strangers).
 */
import type { BrowserContext, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import { type Seen, type Watch, type WithSource, watchDocument } from './browser-watch.ts';
import { launchChromium } from './chromium.ts';
import { sessionCookie } from './test-user.ts';

/** Longer than anything takes on a busy machine; who waits so long reports a failure. */
export const patience = { timeout: 60_000, interval: 50 };

/**
 * Chromium writes these for every request that fails or is refused; whoever cuts connections sees many, and the page asks
 * the API what may not be there (who is signed in, a public link).
 */
const networkNoise = /^Failed to load resource: (net::ERR_|the server responded with a status of 50[0-9])/;
const refusal = /^Failed to load resource: the server responded with a status of 40[14]/;

/** One open page with the chat on it. */
export interface ChatPage {
  readonly page: Page;
  /** What must not happen and did: page errors, console errors but the network's, foreign requests. */
  readonly problems: readonly string[];
  /** The cursor of each request for events; null without one. */
  readonly cursors: readonly (string | null)[];
  get(testId: string): Locator;
  ask(text: string): Promise<void>;
  /** The last message. */
  readonly last: Locator;
  /** The text of the last message, byte by byte: the Markdown of which the page made what is seen. */
  text(): Promise<string>;
  /** Resolves when the last message is an answer with this status. */
  reaches(status: string): Promise<void>;
  /** Resolves when the last message is an answer with more than this many characters. */
  grows(charsMin: number): Promise<void>;
  /** The id of the conversation on the screen. */
  conversationId(): string;
  /** The history of the last answer, since the document was loaded. */
  seen(): Promise<Seen>;
  /** How far the end of the conversation is below what can be seen, in pixels. */
  belowSight(): Promise<number>;
  /** Breaches of the content security policy. */
  violations(): Promise<readonly string[]>;
}

export interface TestBrowser {
  /** Opens the chat of a server in a context of its own, or as one more tab of an existing one. */
  open(base: string, options?: OpenOptions): Promise<ChatPage>;
  /** Closes all pages; returns what must not happen and did, in any of them. */
  closePages(): Promise<string[]>;
  stop(): Promise<void>;
}

export interface OpenOptions {
  /** `#` and a conversation. */
  readonly hash?: string;
  /** One more tab of an existing context, and of whoever is signed in there. */
  readonly context?: BrowserContext;
  /** Who opens it: the test user (default), a new guest, who goes through the page's gate, or nobody who is signed in. */
  readonly as?: 'test user' | 'guest' | 'nobody';
  readonly contextOptions?: BrowserContextOptions;
  /** Reading the whole text at each change costs time, which a test of speed must not measure. Default: true. */
  readonly watch?: boolean;
}

/** Starts a browser for the chat page. */
export async function startBrowser(): Promise<TestBrowser> {
  const browser = await launchChromium();
  const opened: ChatPage[] = [];
  return {
    async open(base, options = {}) {
      const { as = 'test user' } = options;
      const context =
        options.context ??
        (await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options.contextOptions }));
      if (as === 'test user' && !options.context) await context.addCookies([sessionCookie(base)]);
      const page = await context.newPage();
      page.setDefaultTimeout(patience.timeout);
      await page.addInitScript(watchDocument, options.watch ?? true);
      const chat = createChatPage(page, base);
      opened.push(chat);
      await page.goto(`${base}/${options.hash ?? ''}`);
      if (as === 'guest') await chat.get('guest').click();
      const first = options.hash?.startsWith('#invitations/') ? 'join' : 'composer';
      if (as !== 'nobody') await chat.get(first).waitFor();
      return chat;
    },
    async closePages() {
      const chats = opened.splice(0);
      const found = await Promise.all(
        chats.map(async (chat) => [
          ...chat.problems,
          ...(chat.page.isClosed() ? [] : await chat.violations()),
        ]),
      );
      await Promise.all(chats.map(({ page }) => page.context().close()));
      return found.flat();
    },
    stop: () => browser.close(),
  };
}

function createChatPage(page: Page, base: string): ChatPage {
  const problems: string[] = [];
  const cursors: (string | null)[] = [];
  page.on('pageerror', (error) => problems.push(`page error: ${error.stack ?? error.message}`));
  page.on('console', (message) => {
    const text = message.text();
    if (!['error', 'warning'].includes(message.type()) || networkNoise.test(text)) return;
    if (refusal.test(text) && message.location().url.startsWith(`${base}/api/`)) return;
    problems.push(`console: ${text}`);
  });
  page.on('request', (request) => {
    const { origin, pathname } = new URL(request.url());
    if (origin !== base) problems.push(`foreign request: ${request.url()}`);
    if (pathname.endsWith('/events')) cursors.push(request.headers()['last-event-id'] ?? null);
  });
  page.on('dialog', (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });

  const get = (testId: string): Locator => page.getByTestId(testId);
  const last = get('message').last();
  /** Without waiting: the last message may just be making room for another one. */
  const lastOnPage = () =>
    page.evaluate(() => {
      const message = [...document.querySelectorAll<HTMLElement>('[data-testid=message]')].at(-1);
      const text = message?.querySelector<WithSource>('[data-testid=message-text]')?.source ?? '';
      return { role: message?.dataset['role'], status: message?.dataset['status'], text };
    });
  const readWatch = () =>
    page.evaluate(() => (globalThis as unknown as { holdfastWatch: Watch }).holdfastWatch);
  return {
    page,
    problems,
    cursors,
    get,
    last,
    async ask(text) {
      await get('composer').fill(text);
      // While a request is under way, Enter does nothing.
      await expect.poll(() => get('send').isEnabled(), patience).toBe(true);
      await get('composer').press('Enter');
    },
    text: async () => (await lastOnPage()).text,
    async reaches(status) {
      const answered = async () => {
        const { role, status } = await lastOnPage();
        return role === 'assistant' ? status : undefined;
      };
      await expect.poll(answered, patience).toBe(status);
    },
    async grows(charsMin) {
      const answered = async () => {
        const { role, text } = await lastOnPage();
        return role === 'assistant' ? text.length : 0;
      };
      await expect.poll(answered, patience).toBeGreaterThan(charsMin);
    },
    conversationId: () => new URL(page.url()).hash.slice(1),
    seen: async () => (await readWatch()).seen ?? { lengths: [], replacements: 0 },
    belowSight: () =>
      page
        .locator('#scroller')
        .evaluate(({ scrollHeight, scrollTop, clientHeight }) => scrollHeight - scrollTop - clientHeight),
    violations: async () => (await readWatch()).violations,
  };
}
