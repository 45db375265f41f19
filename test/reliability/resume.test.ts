/** Figure 5: how soon a reader that was away has what it missed, beside five hundred others. */
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunView } from '@holdfast/shared/http/schemas.ts';
import { runKeys } from '@holdfast/shared/run-log/keys.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask, follow, question } from '../support/ask.ts';
import { createCrowdAgent, readInCrowd } from '../support/crowd.ts';
import { patience, storedEnd, twoUrls } from '../support/inspect.ts';
import { openEventStream } from '../support/sse-reader.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';
import { percentile, sized, spread, startFigure } from './support/figure.ts';

const figure = startFigure(5);
afterAll(() => figure.conclude());

const liveAnswers = sized(100, 5);
const readersPerAnswer = 5;
const resumes = sized(500, 20);

let stack: Stack;
let bases: readonly [string, string];
let live: RunView[];
const agent = createCrowdAgent();
beforeAll(async () => {
  stack = await startStack({
    apis: 2,
    workers: 1,
    env: { WORKER_CONCURRENCY: '400', WORKER_LEASE_MS: '10000', HEARTBEAT_MS: '10000' },
  });
  bases = twoUrls(stack);
  live = await Promise.all(
    Array.from({ length: liveAnswers }, async (_, seed) => {
      const { run } = await ask(bases[seed % 2] ?? '', question({ deltas: 2_000, intervalMs: 200, seed }));
      for (let reader = 0; reader < readersPerAnswer; reader += 1) {
        // Broken off at the end of the tests.
        void readInCrowd(`${bases[reader % 2]}${run.eventsUrl}`, agent).catch(() => {});
      }
      return run;
    }),
  );
});
afterAll(async () => {
  agent.destroy();
  await stack?.stop();
});

/** Opens the stream with this cursor and returns the time until the first event, and its name and id. */
async function firstEvent(url: string, cursor: string) {
  const since = performance.now();
  const stream = await openEventStream(url, { headers: { 'last-event-id': cursor } });
  for await (const item of stream) {
    if (item.kind === 'event') return { ms: performance.now() - since, event: item.event, id: item.id };
  }
  throw new Error(`no event: ${stream.status}`);
}

it(`${resumes} readers come back with a cursor, one after the other: the first missed event comes soon`, async () => {
  const [first] = live;
  if (!first) throw new Error('answers are under way');
  // All of them have more than the cursor below.
  await sleep(3_000);
  const times: number[] = [];
  for (let n = 0; n < resumes; n += 1) {
    const run = live[n % live.length] ?? first;
    const { ms, id } = await firstEvent(`${bases[n % 2]}${run.eventsUrl}`, '1-3');
    expect(id).toBe('1-4');
    times.push(ms);
  }
  figure.note('live streams meanwhile', liveAnswers * readersPerAnswer);
  figure.note('first missed event', spread(times));
  figure.atMost('first missed event, p95', percentile(times, 0.95), 100, 'ms');
  figure.atMost('first missed event, p99', percentile(times, 0.99), 250, 'ms');
}, 120_000);

it('readers whose log has expired get the snapshot soon', async () => {
  const runs = await Promise.all(
    Array.from({ length: 20 }, async (_, seed) => {
      const { run } = await ask(bases[0], question({ deltas: 60, intervalMs: 20, seed }));
      await storedEnd(stack, run.id);
      await follow([bases[0]], run);
      return run;
    }),
  );
  for (const { id } of runs) {
    const { log, meta } = runKeys(stack.redisPrefix, id);
    await stack.redis.del(log, meta);
  }
  const times: number[] = [];
  for (let n = 0; n < resumes; n += 1) {
    const { ms, event } = await firstEvent(`${bases[n % 2]}${runs[n % runs.length]?.eventsUrl}`, '1-3');
    expect(event).toBe('snapshot');
    times.push(ms);
  }
  figure.note('snapshot after the log expired', spread(times));
  figure.atMost('snapshot after the log expired, p95', percentile(times, 0.95), 200, 'ms');
}, 120_000);

/** As `EventSource` reads: comes back by itself after `retry:`, with its cursor, and dies of any status but 200. */
function readLikeBrowser(url: () => string, signal: AbortSignal) {
  const state = {
    events: 0,
    cursor: '',
    retryMs: 1_000,
    connections: 0,
    backAt: null as number | null,
    refused: [] as number[],
  };
  function connect(): void {
    if (signal.aborted) return;
    state.connections += 1;
    const isBack = state.connections > 1;
    let rest = '';
    const headers = { ...testUser.headers, ...(state.cursor && { 'last-event-id': state.cursor }) };
    const request = http.get(url(), { agent, headers, signal }, (response) => {
      if (response.statusCode !== 200 && isBack) state.refused.push(response.statusCode ?? 0);
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        rest += chunk;
        for (let end = rest.indexOf('\n\n'); end >= 0; end = rest.indexOf('\n\n')) {
          const frame = rest.slice(0, end);
          rest = rest.slice(end + 2);
          if (frame.startsWith('retry: ')) state.retryMs = Number(frame.slice(7));
          if (!frame.startsWith('id: ')) continue;
          state.cursor = frame.slice(4, frame.indexOf('\n'));
          state.events += 1;
          if (isBack) state.backAt ??= performance.now();
        }
      });
      response.on('error', () => {});
      response.once('close', again);
    });
    request.once('error', again);
    let isOver = false;
    function again(): void {
      if (isOver) return;
      isOver = true;
      setTimeout(connect, state.retryMs).unref();
    }
  }
  connect();
  return state;
}

it(`an API process dies with ${sized(1_000)} streams: all of them are back on the other one soon`, async () => {
  const leaving = await stack.startApi();
  let base = leaving.url;
  const stop = new AbortController();
  // They come little by little, as people do; only their return is a storm.
  const readers: ReturnType<typeof readLikeBrowser>[] = [];
  const open = () => readers.filter(({ events }) => events > 0).length;
  while (readers.length < sized(1_000, 20)) {
    for (let n = 0; n < 20; n += 1) {
      const { eventsUrl } = live[readers.length % live.length] as RunView;
      readers.push(readLikeBrowser(() => `${base}${eventsUrl}`, stop.signal));
    }
    await expect.poll(open, patience).toBe(readers.length);
  }
  const killedAt = performance.now();
  base = bases[0];
  await leaving.kill();
  const back = () => readers.filter(({ backAt }) => backAt !== null).length;
  await expect.poll(back, patience).toBe(readers.length);
  const times = readers.map(({ backAt }) => (backAt ?? Infinity) - killedAt);
  stop.abort();
  figure.note('back after the death of an API process', spread(times));
  figure.atMost('back after the death of an API process, all', Math.max(...times), 5_000, 'ms');
  const refused = readers.flatMap((reader) => reader.refused);
  if (refused.length > 0)
    figure.note('answers other than 200, as they were', [...new Set(refused)].join(', '));
  figure.exactly('answers other than 200', refused.length, 0);
}, 120_000);
