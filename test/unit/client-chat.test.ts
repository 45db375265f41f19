/** `createChat` where a server answers late, twice or not at all. */
import { expect, test } from 'vitest';
import { forgetKept } from '../../packages/client/src/chat.ts';
import { createMemoryStorage } from '../support/memory-storage.ts';
import { conversationOf, historyOf, json, messageOf, runOf, startApi } from './client-api.ts';

/** Longer than anything takes on a busy machine. */
const soon = <T>(look: () => T) => expect.poll(look, { timeout: 10_000, interval: 5 });

const question = messageOf('q');
test('nothing is kept by a chat that goes on after what was kept is forgotten', async () => {
  const storage = createMemoryStorage();
  await using api = await startApi({
    'GET /api/conversations/c': json(conversationOf('c')),
    'GET /api/conversations/c/messages': json(historyOf([question], runOf('r'))),
  });
  const chat = api.chat({ conversationId: 'c', storage });
  await soon(() => chat.getState().messages.length).toBe(2);
  await soon(() => api.open.size).toBe(1);
  api.tell('run.event', {
    conversationId: 'c',
    runId: 'r',
    id: '1-0',
    type: 'snapshot',
    data: { text: 'secret' },
  });
  await soon(() => chat.getState().messages[1]?.text).toBe('secret');
  forgetKept(storage);
  chat.close();
  expect(storage.length).toBe(0);
});
