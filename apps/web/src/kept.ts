/** What this page keeps over a reload besides the chat's own things. Nothing of it is the truth; a full storage is no error. */
import { forgetKept } from '@holdfast/client/chat';

const prefix = 'holdfast-page:';

function read(storage: () => Storage, name: string): string | null {
  try {
    return storage().getItem(prefix + name);
  } catch {
    return null;
  }
}

function write(storage: () => Storage, name: string, value: string | null): void {
  try {
    if (value === null) storage().removeItem(prefix + name);
    else storage().setItem(prefix + name, value);
  } catch {}
}

const ofTab = () => sessionStorage;
const ofBrowser = () => localStorage;

const draftName = (userId: string, conversationId: string | null) =>
  `draft:${userId}:${conversationId ?? 'new'}`;

/** What stands in the composer, by user and conversation (null: the one that is yet to be made). */
export const drafts = {
  get: (userId: string, conversationId: string | null): string =>
    read(ofBrowser, draftName(userId, conversationId)) ?? '',
  set(userId: string, conversationId: string | null, text: string): void {
    write(ofBrowser, draftName(userId, conversationId), text === '' ? null : text);
  },
};

/**
 * The conversation that was last made in this tab. A reload that began just before comes back to the address of a new
 * conversation: the browser had taken it down already.
 */
export const made = {
  set: (conversationId: string | null) => write(ofTab, 'made', conversationId),
  /** Leads a reload that lost the address of the conversation back to it. */
  recall(): void {
    const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[];
    const id = read(ofTab, 'made');
    if (navigation?.type !== 'reload' || id === null || location.hash.length > 1) return;
    history.replaceState(null, '', `#${id}`);
  },
};

let words: Readonly<Record<string, string>> | null = null;

/** By conversation: see list/first-words.ts. The same object until it is set. */
export const firstWordsKept = {
  get(): Readonly<Record<string, string>> {
    words ??= parseWords(read(ofTab, 'words'));
    return words;
  },
  set(now: Readonly<Record<string, string>> | null): void {
    words = now;
    write(ofTab, 'words', now && JSON.stringify(now));
  },
};

function parseWords(json: string | null): Readonly<Record<string, string>> {
  try {
    const value: unknown = JSON.parse(json ?? '{}');
    const entries = Object.entries(value ?? {}).filter(([, text]) => typeof text === 'string');
    return Object.fromEntries(entries);
  } catch {
    return {};
  }
}

/** Whose tab this is. What one user has typed is not for the next one: signing in as another forgets it. */
export function rememberUser(userId: string): void {
  const known = read(ofTab, 'user');
  if (known !== null && known !== userId) forgetTab();
  write(ofTab, 'user', userId);
}

function forgetTab(): void {
  forgetKept();
  for (const name of ['made', 'user']) write(ofTab, name, null);
  firstWordsKept.set(null);
}

/** Forgets everything of this user: for logging out. */
export function forgetUser(userId: string): void {
  forgetTab();
  try {
    const mine = `${prefix}draft:${userId}:`;
    for (const name of Object.keys(localStorage)) if (name.startsWith(mine)) localStorage.removeItem(name);
  } catch {}
}
