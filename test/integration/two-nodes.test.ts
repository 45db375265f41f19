/** Two API processes and two workers as one service: which of them somebody talks to makes no difference. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis as RedisClient } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { type Redis, startRedis } from '../../scripts/services/redis.ts';
import { ask, call, follow, getHistory, getRun, question } from '../support/ask.ts';
import { followWithEventSource } from '../support/clients/eventsource.ts';
import { followRun } from '../support/recorder.ts';
import type { RunRecord } from '../support/run-record.ts';
import { type EventStream, openEventStream } from '../support/sse-reader.ts';
import { type Stack, startStack } from '../support/stack.ts';

/** A Redis of its own: on the shared one, other files' processes would be counted, too. */
let redis: Redis;
let redisClient: RedisClient;
let dir: string;
let stack: Stack;
let bases: string[];

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-two-nodes-'));
  redis = await startRedis({ dataDir: join(dir, 'redis'), log: join(dir, 'redis.log') });
  redisClient = new RedisClient(redis.url);
  stack = await startStack({ apis: 2, workers: 2, redisUrl: redis.url });
  bases = stack.apis.map((api) => api.url);
});
afterAll(async () => {
  await stack.stop();
  redisClient.disconnect();
  await redis.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** Names of the connections that the API processes hold, as Redis tells them. */
async function apiConnections(): Promise<string[]> {
  const list = (await redisClient.call('CLIENT', 'LIST')) as string;
  return [...list.matchAll(/ name=(holdfast-api\S*)/g)].map((match) => match[1] ?? '').sort();
}

it('what was asked on one process is read on the other, by several people at once, and all see the same', async () => {
  const directive = { deltas: 50, seed: 31, intervalMs: 20, splitSurrogates: true };
  const text = scriptedText(directive).join('');
  const { run, message } = await ask(bases[0] ?? '', question(directive));
  const url = (base: string) => `${base}${run.eventsUrl}`;
  // Tabs and devices: some from the beginning, some that come in the middle, one native EventSource on each process.
  const early = Array.from({ length: 6 }, (_, n) => followRun({ bases: [bases[n % 2] ?? ''], url }));
  const late = Promise.withResolvers<{ records: Promise<RunRecord[]> }>();
  const trigger = followRun({
    bases: [bases[1] ?? ''],
    url,
    onEvent: (_event, { ids }) => {
      if (ids.length === 15) late.resolve({ records: Promise.all(bases.map((base) => follow([base], run))) });
    },
  });
  const sources = bases.map((base) => followWithEventSource({ url: url(base) }));

  const records = [
    ...(await (await late.promise).records),
    ...(await Promise.all([...early, trigger].map((each) => each.done.then(() => each.record)))),
    ...(await Promise.all(sources.map((each) => each.done.then(() => each.record)))),
  ];
  expect(records).toHaveLength(11);
  for (const record of records) {
    expect(record.violations).toEqual([]);
    expect(record.ids).toEqual(records[0]?.ids);
    expect(record.text).toBe(text);
    expect(record.terminal).toEqual(records[0]?.terminal);
  }
  for (const base of bases) {
    expect(await getRun(base, run.id)).toMatchObject({ status: 'completed', attempt: 1 });
    const { messages } = await getHistory(base, run.conversationId);
    expect(messages.map(({ id, text: each }) => [id, each])).toEqual([
      [message.id, message.text],
      [run.messageId, text],
    ]);
  }
});

it('whoever sees the end on one process can at once read the message from the other, twenty times in a row', async () => {
  for (let n = 0; n < 20; n++) {
    const [here = '', there = ''] = n % 2 === 0 ? bases : bases.toReversed();
    const { run } = await ask(here, question({ deltas: 3, seed: 100 + n }));
    const atEnd = Promise.withResolvers<unknown>();
    await follow([here], run, {
      onEvent: (_event, { terminal }) => {
        if (terminal) atEnd.resolve(getHistory(there, run.conversationId));
      },
    });
    expect(await atEnd.promise).toMatchObject({
      activeRun: null,
      messages: [{ role: 'user' }, { id: run.messageId, status: 'completed' }],
    });
  }
});

it('an API process holds the same few Redis connections for 200 open event streams as for none', async () => {
  const runs = await Promise.all(
    Array.from({ length: 20 }, async (_, n) => {
      const directive = { deltas: 10, seed: n, fault: 'stall', atDelta: 1 } as const;
      return (await ask(bases[n % 2] ?? '', question(directive))).run;
    }),
  );
  const counts: Record<number, string[]> = { 0: await apiConnections() };
  const streams: EventStream[] = [];
  for (const wanted of [1, 200]) {
    while (streams.length < wanted) {
      const run = runs[streams.length % runs.length];
      // Every run on both processes.
      const base = bases[Math.floor(streams.length / runs.length) % 2];
      streams.push(await openEventStream(`${base}${run?.eventsUrl}`));
    }
    // Only a stream that has delivered its events certainly listens.
    await Promise.all(streams.map((stream) => whenStarted(stream)));
    counts[wanted] = await apiConnections();
  }
  for (const stream of streams) stream.cut();
  console.log('Redis connections of two API processes, by open event streams:', counts);

  const each = ['holdfast-api', 'holdfast-api-feed', 'holdfast-api-nudges', 'holdfast-api-reads'];
  expect(counts[0]).toEqual(each.flatMap((name) => [name, name]));
  expect(counts[1]).toEqual(counts[0]);
  expect(counts[200]).toEqual(counts[0]);
  await Promise.all(runs.map((run) => call(bases[0] ?? '', 'POST', `/api/runs/${run.id}/cancel`)));
});

const started = new WeakMap<EventStream, Promise<void>>();

/** Resolves once the first event has come. Leaves the stream open, which leaving a `for await` loop would not. */
function whenStarted(stream: EventStream): Promise<void> {
  const known = started.get(stream);
  if (known) return known;
  const items = stream[Symbol.asyncIterator]();
  const first = (async () => {
    for (let item = await items.next(); !item.done; item = await items.next()) {
      if (item.value.kind === 'event') return;
    }
    throw new Error('the stream ended before its first event');
  })();
  started.set(stream, first);
  return first;
}
