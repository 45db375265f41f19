import { afterEach, expect, test, vi } from 'vitest';
import { createBackoff } from '../../packages/client/src/backoff.ts';
import { type FollowOptions, type FollowState, followRun } from '../../packages/client/src/follow-run.ts';
import { beginEvents, completed, cursorsOf, delta, serve, started } from './client-server.ts';

/** A wait that no test survives: only a wake-up or an abort ends it. */
const endless = () => createBackoff({ baseMs: 60_000 });

async function idsOf(url: string, options: FollowOptions = {}): Promise<string[]> {
  const ids: string[] = [];
  for await (const event of followRun(url, { backoff: createBackoff({ baseMs: 0, capMs: 1 }), ...options }))
    ids.push(event.id);
  return ids;
}

afterEach(() => vi.unstubAllGlobals());

test('a connection on which nothing comes is dropped and resumed, at every stage', async () => {
  await using server = await serve((response, number, { headers }) => {
    if (number === 0) return; // not even an answer
    beginEvents(response);
    // Silence after these; by cursor, not by number, because a slow machine may drop a connection more than once.
    if (headers['last-event-id'] === undefined) response.write(started + delta(1, 'a'));
    else response.write(completed(2));
  });
  const states: FollowState[] = [];
  const ids = await idsOf(server.url, { heartbeatMsMax: 25, onState: (state) => states.push(state) });
  expect(ids).toEqual(['1-0', '1-1', '1-2']);
  expect(states.slice(0, 2)).toEqual(['connecting', 'reconnecting']);
  expect(states.at(-1)).toBe('live');
});

test('a server that is not there yet is waited for', async () => {
  // Started first: or it could be given the very port that the other one has just left.
  await using server = await serve((response) => response.writeHead(204).end());
  const gone = await serve(() => {});
  await gone[Symbol.asyncDispose]();
  let tries = 0;
  const reach: typeof fetch = (input, init) => fetch(tries++ < 3 ? gone.url : String(input), init);
  await idsOf(server.url, { fetch: reach });
  expect(tries).toBe(4);
});

test('aborting the signal throws its reason, live and waiting, and closes the connection', async () => {
  const closed = Promise.withResolvers<void>();
  await using server = await serve((response, number) => {
    if (number > 0) return void response.writeHead(503).end();
    response.on('close', closed.resolve);
    beginEvents(response);
    response.write(started);
  });
  const live = new AbortController();
  const events = followRun(server.url, { signal: live.signal });
  await events.next();
  const next = events.next();
  live.abort(new Error('left'));
  await expect(next).rejects.toThrow('left');
  await closed.promise;

  const waiting = new AbortController();
  const onState = (state: FollowState) =>
    state === 'reconnecting' && queueMicrotask(() => waiting.abort(new Error('left')));
  await expect(idsOf(server.url, { signal: waiting.signal, backoff: endless(), onState })).rejects.toThrow(
    'left',
  );
  await expect(idsOf(server.url, { signal: waiting.signal })).rejects.toThrow('left');
});

test('breaking off the iteration closes the connection', async () => {
  const closed = Promise.withResolvers<void>();
  await using server = await serve((response) => {
    response.on('close', closed.resolve);
    beginEvents(response);
    response.write(started);
  });
  for await (const event of followRun(server.url)) if (event.type === 'started') break;
  await closed.promise;
});

/** Gives this process the two methods by which a browser window tells that it is on line or seen again. */
function stubWindow(): EventTarget {
  const page = new EventTarget();
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page));
  return page;
}

test.each(['online', 'pageshow'])('%s ends a wait at once', async (name) => {
  const page = stubWindow();
  await using server = await serve((response, number) => {
    if (number === 0) return void response.destroy();
    response.writeHead(204).end();
  });
  const onState = (state: FollowState) =>
    state === 'reconnecting' && setImmediate(() => page.dispatchEvent(new Event(name)));
  await idsOf(server.url, { backoff: endless(), onState });
  expect(server.seen).toHaveLength(2);
});

test('coming on line replaces a live connection, whose network may be gone, without a wait', async () => {
  const page = stubWindow();
  await using server = await serve((response, number) => {
    beginEvents(response);
    response.write(number === 0 ? started : completed(1));
  });
  const backoff = { ...endless(), next: () => expect.unreachable('it waited') };
  const ids: string[] = [];
  for await (const event of followRun(server.url, { backoff })) {
    ids.push(event.id);
    setImmediate(() => page.dispatchEvent(new Event('online')));
  }
  expect(ids).toEqual(['1-0', '1-1']);
  expect(cursorsOf(server.seen)).toEqual([undefined, '1-0']);
});
