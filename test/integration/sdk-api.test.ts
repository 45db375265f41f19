/** The SDK's client against the API as it describes itself, and its list of conversations. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type ConversationList, createConversationList } from '../../packages/client/src/chat.ts';
import { type Client, createClient } from '../../packages/client/src/index.ts';
import { accountsAt } from '../support/accounts.ts';
import { call, question } from '../support/ask.ts';
import { patience } from '../support/inspect.ts';
import { allRequests } from '../support/sdk-calls.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let base: string;
beforeAll(async () => {
  stack = await startStack();
  base = String(stack.apis[0]?.url);
});
afterAll(() => stack?.stop());

it('the client has a call for each route that the API describes, and none besides', async () => {
  const { body } = await call<{ paths: Record<string, object> }>(base, 'GET', '/docs/json');
  const routes = Object.entries(body.paths).flatMap(([path, methods]) =>
    path.startsWith('/api/') ? Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`) : [],
  );
  const fits = (route: string, request: string) =>
    new RegExp(`^${route.replaceAll(/\{\w+\}/g, '(one|other)')}$`).test(request);
  const calls = await allRequests();
  const sent = calls.flatMap(({ requests }) => requests);
  expect(routes.filter((route) => !sent.some((request) => fits(route, request)))).toEqual([]);
  expect(sent.filter((request) => !routes.some((route) => fits(route, request)))).toEqual([]);
  expect(calls.filter(({ requests }) => requests.length === 0)).toEqual([]);
});

describe('the list of conversations', () => {
  const lists: ConversationList[] = [];
  afterEach(() => {
    for (const list of lists.splice(0)) list.close();
  });

  /** The lists of a new user's two pages. */
  async function openTwo(options: { pageSize?: number; undoMs?: number } = {}) {
    const { token } = (await accountsAt(base).guest()).body;
    const client = createClient({ baseUrl: base, token });
    const two = [0, 1].map(() => createConversationList({ client, ...options }));
    lists.push(...two);
    const [here, there] = two;
    if (!here || !there) throw new Error('two lists were made');
    await Promise.all(two.map((list) => expect.poll(() => list.getState().isLoading, patience).toBe(false)));
    return { client, here, there };
  }

  const titles = (list: ConversationList) => list.getState().conversations.map(({ title }) => title);
  const shows = (list: ConversationList, expected: readonly string[]) =>
    expect.poll(() => titles(list), patience).toEqual(expected);
  const make = async (client: Client, ...names: string[]) => {
    const made = [];
    for (const title of names) made.push(await client.createConversation({ title }));
    return made.map(({ id }) => id);
  };

  it('shows what happens elsewhere, without reading anything again', async () => {
    const { client, here, there } = await openTwo();
    const [first = '', second = ''] = await make(client, 'One', 'Two');
    for (const list of [here, there]) await shows(list, ['Two', 'One']);
    await here.rename(first, 'First');
    await here.pin(first, true);
    for (const list of [here, there]) await shows(list, ['First', 'Two']);
    await here.archive(second, true);
    for (const list of [here, there]) await shows(list, ['First']);
    there.showArchived(true);
    await shows(there, ['Two']);
    await client.postMessage(second, { text: question({ deltas: 2 }) });
    await here.archive(second, false);
    await shows(there, []);
    await shows(here, ['First', 'Two']);
  });

  it('says what is being answered, until it is', async () => {
    const { client, here, there } = await openTwo();
    const [id = ''] = await make(client, 'One');
    const { run } = await client.postMessage(id, { text: question({ deltas: 2_000, intervalMs: 20 }) });
    for (const list of [here, there]) {
      await expect.poll(() => list.getState().answering, patience).toEqual([id]);
    }
    await client.cancel(run.id);
    for (const list of [here, there]) {
      await expect.poll(() => list.getState().answering, patience).toEqual([]);
    }
  });

  it('finds, and goes on page by page', async () => {
    const { client, here } = await openTwo({ pageSize: 2 });
    await make(client, 'Anchor one', 'Anchor two', 'Anchor three', 'Keel');
    here.search('anchor');
    await expect.poll(() => [here.getState().isLoading, titles(here).length], patience).toEqual([false, 2]);
    expect(here.getState().hasMore).toBe(true);
    await here.loadMore();
    expect(titles(here)).toHaveLength(3);
    expect(new Set(titles(here))).toEqual(new Set(['Anchor one', 'Anchor two', 'Anchor three']));
    here.search('…');
    await expect.poll(() => [here.getState().isLoading, titles(here).length], patience).toEqual([false, 0]);
    expect(here.getState().problem).toBeNull();
    here.search('');
    await shows(here, ['Keel', 'Anchor three']);
  });

  it('deletes nothing that is brought back in time, and everything else', async () => {
    const { client, here, there } = await openTwo({ undoMs: 60_000 });
    const [first = '', second = ''] = await make(client, 'One', 'Two');
    await shows(there, ['Two', 'One']);
    await shows(here, ['Two', 'One']);
    here.remove(first);
    here.remove(second);
    expect(titles(here)).toEqual([]);
    expect(here.getState().removed.map(({ conversation }) => conversation.title)).toEqual(['One', 'Two']);
    here.undoRemove(second);
    expect(titles(here)).toEqual(['Two']);
    here.close();
    await shows(there, ['Two']);
    expect((await client.conversations()).conversations.map(({ title }) => title)).toEqual(['Two']);
  });

  it('takes a change back that the server refuses, and says why', async () => {
    const { client, here } = await openTwo();
    const [id = ''] = await make(client, 'One');
    await shows(here, ['One']);
    expect(await here.rename(id, 'x'.repeat(10_000))).toBeNull();
    expect(titles(here)).toEqual(['One']);
    expect(here.getState().problem).toMatchObject({ code: 'invalid_request', isRetryable: false });
  });
});
