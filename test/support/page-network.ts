/** What tests of the page behind a broken network share. */
import { expect } from 'vitest';
import { getHistory } from './ask.ts';
import { type ChatPage, patience } from './browser.ts';
import type { Target } from './chaos-proxy.ts';

/** Where a proxy leads, for the address of an API process. */
export function targetOf(url: string): Target {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

/** What people see: the line comes with a delay, so that it does not flicker. */
export async function showsReconnecting(chat: ChatPage): Promise<void> {
  const opacity = () =>
    chat
      .get('connection')
      .evaluate((line) => ((line as HTMLElement).hidden ? '0' : getComputedStyle(line).opacity));
  await expect.poll(opacity, patience).toBe('1');
}

/** The page and the history of the server have the same last text. */
export async function expectWhole(base: string, chat: ChatPage, whole: string): Promise<void> {
  expect(await chat.text()).toBe(whole);
  const { messages } = await getHistory(base, chat.conversationId());
  expect(messages.at(-1)?.text).toBe(whole);
}
