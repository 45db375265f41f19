import type { ServerResponse } from 'node:http';
import { afterEach, expect, test } from 'vitest';
import { createBackoff } from '../../packages/client/src/backoff.ts';
import { followEvents, type ReceivedLiveEvent } from '../../packages/client/src/follow-events.ts';
import {
  type SharedEvents,
  type ShareEventsOptions,
  shareEvents,
} from '../../packages/client/src/share-events.ts';
import { beginEvents, cursorsOf, frame, refuse, serve } from './client-server.ts';

interface Tab extends SharedEvents {
  readonly heard: ReceivedLiveEvent[];
  readonly errors: unknown[];
}

/** Longer than anything takes on a busy machine. */
const soon = <T>(look: () => T) => expect.poll(look, { timeout: 10_000, interval: 5 });

const tabs: Tab[] = [];
let names = 0;
afterEach(() => {
  for (const tab of tabs.splice(0)) tab.stop();
});

/** What `followEvents` asks of this server; its cursor is where the server's events stand. */
function browserAt(url: string, options: Partial<ShareEventsOptions> = {}) {
  const name = `test-${names++}`;
  return {
    name,
    open(follow: readonly string[] = []): Tab {
      const heard: ReceivedLiveEvent[] = [];
      const errors: unknown[] = [];
      const shared = shareEvents({
        name,
        events: (wanted) => followEvents(url, { ...wanted, backoff: createBackoff({ baseMs: 0, capMs: 1 }) }),
        onEvent: (event) => heard.push(event),
        onRefused: (error) => errors.push(error),
        ...options,
      });
      const tab: Tab = {
        heard,
        errors,
        follow: shared.follow,
        stop: shared.stop,
        get cursor() {
          return shared.cursor;
        },
      };
      tabs.push(tab);
      tab.follow(follow);
      return tab;
    },
  };
}

/** A feed whose events a test writes; a new connection begins where the test stands. */
async function startFeed() {
  let at = 7;
  const open = new Set<ServerResponse>();
  const server = await serve((response, _number, { headers }) => {
    beginEvents(response);
    response.write(frame(String(headers['last-event-id'] ?? at), 'ready', {}));
    open.add(response);
    response.on('close', () => open.delete(response));
  });
  return {
    url: server.url,
    seen: server.seen,
    open,
    write(type: string, data: object) {
      at += 1;
      for (const response of open) response.write(frame(String(at), type, data));
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const removed = (conversationId: string) => ['conversation.removed', { conversationId }] as const;
const runEvent = (conversationId: string, id: string, type: string, data: object) =>
  ['run.event', { conversationId, runId: `run-of-${conversationId}`, id, type, data }] as const;
const typesOf = (tab: Tab) => tab.heard.map(({ type }) => type);
const idsOf = (tab: Tab) =>
  tab.heard.flatMap(({ type, data }) => (type === 'conversation.removed' ? data.conversationId : []));
const textsOf = (tab: Tab) =>
  tab.heard.flatMap(({ type, data }) => {
    if (type !== 'run.event') return [];
    const { event } = data;
    return event.type === 'snapshot' || event.type === 'delta' ? `${event.type} ${event.data.text}` : [];
  });
const begun = (...some: Tab[]) => soon(() => some.every((tab) => tab.heard.length > 0)).toBe(true);

test('ten tabs have one connection between them, and each gets every event once', async () => {
  await using feed = await startFeed();
  const browser = browserAt(feed.url);
  const all = Array.from({ length: 10 }, () => browser.open());
  await begun(...all);
  for (const id of ['a', 'b', 'c']) feed.write(...removed(id));
  for (const tab of all) {
    await soon(() => typesOf(tab).length).toBe(4);
    expect(typesOf(tab)[0]).toBe('ready');
    expect(idsOf(tab)).toEqual(['a', 'b', 'c']);
    expect(tab.cursor).toBe('10');
  }
  expect(feed.seen).toHaveLength(1);
});

test('the connection carries what any tab follows, and a tab that comes later is told the text so far', async () => {
  await using feed = await startFeed();
  const browser = browserAt(feed.url);
  const first = browser.open(['c']);
  await begun(first);
  feed.write(...runEvent('c', '1-0', 'started', { runId: 'run-of-c', model: 'm' }));
  feed.write(...runEvent('c', '1-1', 'delta', { text: 'Hold' }));
  await soon(() => textsOf(first)).toEqual(['delta Hold']);

  const same = browser.open(['c']);
  const other = browser.open(['d']);
  await begun(same, other);
  await soon(() => feed.seen.at(-1)?.url).toBe('/?follow=d,c');
  await soon(() => feed.open.size).toBe(1);
  feed.write(...runEvent('c', '1-2', 'delta', { text: 'fast' }));
  await soon(() => textsOf(same)).toEqual(['snapshot Hold', 'delta fast']);
  expect(textsOf(first)).toEqual(['delta Hold', 'delta fast']);
  // The new connection was nobody's business.
  expect(typesOf(first).filter((type) => type === 'ready')).toHaveLength(1);

  // Back and forth between conversations costs no connection.
  const connections = feed.seen.length;
  first.follow(['d']);
  first.follow(['c']);
  await soon(() => textsOf(first).at(-1)).toBe('snapshot Holdfast');
  expect(feed.seen).toHaveLength(connections);
});

test('when the tab with the connection closes, another goes on from its cursor and nothing comes twice', async () => {
  await using feed = await startFeed();
  const browser = browserAt(feed.url);
  const all = Array.from({ length: 4 }, () => browser.open(['c']));
  await begun(...all);
  const expected: string[] = [];
  for (const [at, tab] of all.entries()) {
    await soon(() => [feed.seen.length, feed.open.size]).toEqual([at + 1, 1]);
    feed.write(...removed(String(at)));
    expected.push(String(at));
    for (const left of all.slice(at)) await soon(() => idsOf(left)).toEqual(expected);
    tab.stop();
  }
  expect(cursorsOf(feed.seen)).toEqual([undefined, '8', '9', '10']);
  for (const tab of all)
    expect(typesOf(tab).filter((type) => type !== 'conversation.removed')).toEqual(['ready']);
});

test('a tab that has the lock and answers nobody, being frozen, loses it', async () => {
  await using feed = await startFeed();
  const browser = browserAt(feed.url, { askEveryMs: 20 });
  let lost = false;
  navigator.locks
    .request(browser.name, () => new Promise(() => {}))
    .catch(() => {
      lost = true;
    });
  const tab = browser.open();
  await begun(tab);
  expect(lost).toBe(true);
});

test('a conversation that one tab may not see takes nothing from the others', async () => {
  await using server = await serve((response, number, { url, headers }) => {
    if (url.includes('unseen') && !headers['last-event-id']) {
      refuse(response, 404, 'conversation_not_found');
      return;
    }
    beginEvents(response);
    response.write(frame('7', 'ready', {}));
    if (number > 1) response.write(frame('8', ...removed('x')));
  });
  const browser = browserAt(server.url);
  const tab = browser.open(['unseen', 'c']);
  await soon(() => idsOf(tab)).toEqual(['x']);
  expect(server.seen.map(({ url }) => url)).toEqual(['/?follow=unseen,c', '/', '/?follow=unseen,c']);
  expect(tab.errors).toEqual([]);
});

test('a refusal ends it for each tab, and asking again tries again', async () => {
  let isRefused = true;
  await using server = await serve((response) => {
    if (isRefused) refuse(response, 401, 'unauthenticated');
    else {
      beginEvents(response);
      response.write(frame('7', 'ready', {}));
    }
  });
  const browser = browserAt(server.url);
  const all = [browser.open(), browser.open()];
  for (const tab of all) await soon(() => tab.errors).toMatchObject([{ code: 'unauthenticated' }]);
  isRefused = false;
  for (const tab of all) tab.follow([]);
  await begun(...all);
});

test('a reload goes on from what it has kept', async () => {
  await using feed = await startFeed();
  const answer = { text: 'Ho', status: 'running', failure: null, cursor: '1-1', usage: null } as const;
  const kept = { ...answer, finishReason: null, messageId: null };
  const heard: ReceivedLiveEvent[] = [];
  const shared = shareEvents({
    name: `test-${names++}`,
    events: (wanted) => followEvents(feed.url, wanted),
    onEvent: (event) => heard.push(event),
  });
  tabs.push({ ...shared, heard, errors: [], cursor: null });
  shared.follow(['c'], {
    cursor: '5~run-of-c.1-1',
    answers: new Map([['run-of-c', { conversationId: 'c', answer: kept }]]),
  });
  await soon(() => heard.map(({ type }) => type)).toEqual(['ready', 'run.event']);
  expect(cursorsOf(feed.seen).at(-1)).toBe('5~run-of-c.1-1');
  expect(heard[1]).toMatchObject({ data: { event: { type: 'snapshot', data: { text: 'Ho' } } } });
});

test('without locks each tab has a connection of its own', async () => {
  await using feed = await startFeed();
  const browser = browserAt(feed.url, { locks: null });
  const all = [browser.open(), browser.open()];
  await begun(...all);
  feed.write(...removed('a'));
  for (const tab of all) await soon(() => idsOf(tab)).toEqual(['a']);
  expect(feed.seen).toHaveLength(2);
});
