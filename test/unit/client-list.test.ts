/** `createConversationList` where what is read and what happens cross each other. */
import type { ServerResponse } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { type ConversationList, createConversationList } from '../../packages/client/src/chat.ts';
import type { Client } from '../../packages/client/src/index.ts';
import { conversationOf, json, startApi } from './client-api.ts';
import { refuse } from './client-server.ts';

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

test('a conversation that is not in the list can be removed from elsewhere on the page', async () => {
  await using api = await startApi({
    'GET /api/conversations': none,
    'GET /api/conversations/old': json(conversationOf('old')),
    'DELETE /api/conversations/old': (response) => response.writeHead(204).end(),
  });
  const list = openList(api.client);
  await soon(() => list.getState().isLoading).toBe(false);
  list.remove('old');
  await soon(() => list.getState().removed.map(({ conversation }) => conversation.id)).toEqual(['old']);
  list.close();
  await soon(() => api.count('DELETE', '/api/conversations/old')).toBe(1);
});

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

test('more conversations stand where they belong, among those that events have told of', async () => {
  const on = (day: number) => ({ updatedAt: `2026-01-0${day}T00:00:00.000Z` });
  const page = (days: readonly number[], nextCursor: string | null) =>
    json({ conversations: days.map((day) => conversationOf(`day ${day}`, on(day))), nextCursor });
  await using api = await startApi({
    'GET /api/conversations': (response, request) => {
      const answer = request.url.includes('pinned=true')
        ? none
        : request.url.includes('cursor=')
          ? page([5, 4, 2], null)
          : page([7, 6], 'more');
      answer(response, request);
    },
  });
  const list = openList(api.client);
  await soon(() => api.open.size).toBe(1);
  // Whatever is still being read would be read again.
  await list.refresh();
  api.tell('conversation.changed', { conversation: conversationOf('day 3', on(3)) });
  await soon(() => idsOf(list)).toContain('day 3');
  await list.loadMore();
  expect(idsOf(list)).toEqual(['day 7', 'day 6', 'day 5', 'day 4', 'day 3', 'day 2']);
});

test('a list that could not be read is read again when the connection is back', async () => {
  let isAway = false;
  await using api = await startApi({
    'GET /api/conversations': (response, request) =>
      isAway ? refuse(response, 503, 'unavailable') : pageOf(['c'])(response, request),
  });
  const list = openList(api.client);
  await soon(() => api.open.size).toBe(1);
  await soon(() => list.getState().isLoading).toBe(false);
  isAway = true;
  await list.refresh();
  expect(list.getState().problem).not.toBeNull();
  isAway = false;
  for (const response of api.open) response.destroy();
  await soon(() => list.getState().problem).toBeNull();
});
