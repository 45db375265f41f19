/** Chats of the SDK for tests, and what is asked of them. */
import { expect } from 'vitest';
import { type Chat, type ChatOptions, createChat } from '../../packages/client/src/chat.ts';
import { type ClientOptions, createBackoff, createClient } from '../../packages/client/src/index.ts';
import { patience } from './inspect.ts';
import { testUser } from './test-user.ts';

/** Sooner than a page would: nobody else suffers from it here. */
const createQuickBackoff = () => createBackoff({ baseMs: 50, capMs: 200 });

const opened: Chat[] = [];

/** Opens a chat of the test user; nothing is kept over a reload unless `storage` is given. */
export function openChat(
  connection: ClientOptions & { readonly baseUrl: string },
  options: Partial<ChatOptions> = {},
): Chat {
  const client = createClient({
    token: testUser.apiKey,
    createBackoff: createQuickBackoff,
    ...connection,
  });
  const chat = createChat({ client, storage: null, ...options });
  opened.push(chat);
  return chat;
}

/** For `afterEach`. */
export function closeChats(): void {
  for (const chat of opened.splice(0)) chat.close();
}

export const shown = (chat: Chat) => chat.getState().messages.map(({ role, text }) => ({ role, text }));
export const last = (chat: Chat) => chat.getState().messages.at(-1);

/** Resolves when the last message is an answer with this status. */
export const reaches = (chat: Chat, status: string) =>
  expect.poll(() => [last(chat)?.role, last(chat)?.status], patience).toEqual(['assistant', status]);

/** Resolves when the chat has this status. */
export const settles = (chat: Chat, status: string) =>
  expect.poll(() => chat.getState().status, patience).toBe(status);
