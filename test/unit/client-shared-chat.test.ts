/** `createSharedChat` where the server has had enough of it. */
import { afterEach, expect, test, vi } from 'vitest';
import { createSharedChat, type SharedChat } from '../../packages/client/src/chat.ts';
import type { Client } from '../../packages/client/src/index.ts';
import { json, messageOf, runOf, startApi } from './client-api.ts';
import { refuse } from './client-server.ts';

/** Longer than anything takes on a busy machine; the clock of the chat stands still meanwhile. */
const soon = <T>(look: () => T) => vi.waitFor(look, { timeout: 10_000, interval: 5 });

let chat: SharedChat | null = null;
afterEach(() => {
  chat?.close();
  vi.useRealTimers();
});

/** Whatever was asked before is at the server when the answers to these have come. */
async function settle(client: Client): Promise<void> {
  for (let n = 0; n < 5; n += 1) await client.me();
}

const sharedPath = '/api/shared/token';

test('an answer that may not be followed now is asked for in a while, not again and again', async () => {
  const eventsUrl = `${sharedPath}/runs/r/events`;
  await using api = await startApi({
    [`GET ${sharedPath}`]: json({
      title: null,
      messages: [messageOf('q')],
      activeRun: runOf('r', { eventsUrl }),
      waitingRuns: [],
    }),
    [`GET ${eventsUrl}`]: (response) => refuse(response, 429, 'too_many_connections'),
  });
  chat = createSharedChat({ client: api.client, token: 'token' });
  await expect.poll(() => api.count('GET', eventsUrl)).toBe(1);
  await settle(api.client);
  expect(api.count('GET', sharedPath)).toBe(1);
});

test('a public link is not asked for again before the server wants to be asked', async () => {
  await using api = await startApi({
    [`GET ${sharedPath}`]: (response) => refuse(response, 429, 'rate_limited', { 'retry-after': '30' }),
  });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  chat = createSharedChat({ client: api.client, token: 'token' });
  await soon(() => expect(chat?.getState().problem?.code).toBe('rate_limited'));
  await vi.advanceTimersByTimeAsync(20_000);
  await settle(api.client);
  expect(api.count('GET', sharedPath)).toBe(1);
  await vi.advanceTimersByTimeAsync(11_000);
  await soon(() => expect(api.count('GET', sharedPath)).toBe(2));
});
