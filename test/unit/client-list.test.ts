/** `createConversationList` where what is read and what happens cross each other. */
import type { ServerResponse } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { type ConversationList, createConversationList } from '../../packages/client/src/chat.ts';
import type { Client } from '../../packages/client/src/index.ts';
import { conversationOf, json, startApi } from './client-api.ts';

/** Longer than anything takes on a busy machine. */
const soon = <T>(look: () => T) => expect.poll(look, { timeout: 10_000, interval: 5 });

const lists: ConversationList[] = [];
afterEach(() => {
  for (const list of lists.splice(0)) list.close();
});

function openList(client: Client): ConversationList {
  const list = createConversationList({ client });
  lists.push(list);
  return list;
}

const idsOf = (list: ConversationList) => list.getState().conversations.map(({ id }) => id);
const pageOf = (ids: readonly string[], nextCursor: string | null = null) =>
  json({ conversations: ids.map((id) => conversationOf(id)), nextCursor });
const none = pageOf([]);

test('what is removed while the list is read does not come back with it', async () => {
  let isThere = true;
  const late: ServerResponse[] = [];
  await using api = await startApi({
    'GET /api/conversations': (response, request) => {
      if (request.url.includes('pinned=true')) none(response, request);
      else if (late.push(response) > 2) pageOf(isThere ? ['gone', 'c'] : ['c'])(response, request);
      else if (late.length === 1) pageOf(['gone', 'c'])(response, request);
    },
  });
  const list = openList(api.client);
  await soon(() => api.open.size).toBe(1);
  await soon(() => late.length).toBe(2);
  isThere = false;
  api.tell('conversation.removed', { conversationId: 'gone' });
  await soon(() => idsOf(list)).toEqual(['c']);
  late[1]
    ?.writeHead(200, { 'content-type': 'application/json' })
    .end(JSON.stringify({ conversations: [conversationOf('gone'), conversationOf('c')], nextCursor: null }));
  await soon(() => late.length).toBe(3);
  await list.refresh();
  expect(idsOf(list)).toEqual(['c']);
});
