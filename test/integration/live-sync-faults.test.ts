/** `/api/events` while Redis or Postgres is away, or loses what it was told: that costs time, never an event. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis as RedisClient } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { type Redis, startRedis } from '../../scripts/services/redis.ts';
import { ask, call, createConversation, question } from '../support/ask.ts';
import { type ChaosProxy, startChaosProxy } from '../support/chaos-proxy.ts';
import { createFeedReaders, whenEnded, whenUnderWay } from '../support/feed-readers.ts';
import type { FeedFollowing } from '../support/feed-recorder.ts';
import { patience, twoUrls } from '../support/inspect.ts';
import { type Stack, startStack } from '../support/stack.ts';

let dir: string;
let redis: Redis;
let redisClient: RedisClient;
let postgres: ChaosProxy;
let stack: Stack;
let bases: readonly [string, string];
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-live-sync-'));
  redis = await startRedis({ dataDir: join(dir, 'redis'), log: join(dir, 'redis.log') });
  redisClient = new RedisClient(redis.url);
  redisClient.on('error', () => {}); // it is killed on purpose
  stack = await startStack({
    apis: 2,
    redisUrl: redis.url,
    env: { UPSTREAM_IDLE_MS: '60000' },
  });
  // One more API process that reaches Postgres through a network that breaks.
  const { hostname, port } = new URL(stack.env['DATABASE_URL'] ?? '');
  postgres = await startChaosProxy({ target: { host: hostname, port: Number(port) } });
  bases = twoUrls(stack);
});
afterAll(async () => {
  redisClient?.disconnect();
  await stack?.stop();
  await postgres?.stop();
  await redis?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const feeds = createFeedReaders(() => bases);
afterEach(() => feeds.stop());

const added = ({ record }: FeedFollowing, conversationId: string) =>
  expect
    .poll(
      () =>
        record.events.some(
          (event) => event.type === 'conversation.added' && event.data.conversation.id === conversationId,
        ),
      patience,
    )
    .toBe(true);

const directive = { deltas: 60, seed: 8, intervalMs: 50 };
const text = scriptedText(directive).join('');

it('each change is followed by a nudge for those whom it concerns', async () => {
  const nudges: string[] = [];
  const listener = redisClient.duplicate();
  await listener.subscribe(`${stack.redisPrefix}:feeds`);
  listener.on('message', (_channel: string, message: string) => nudges.push(message));
  try {
    const { run } = await ask(bases[0], question({ deltas: 2, seed: 1 }));
    // The conversation, the question, the claim, the end; what comes together may be told together.
    await expect.poll(() => nudges.length, patience).toBeGreaterThanOrEqual(4);
    expect(new Set(nudges)).toEqual(new Set([run.userId]));
  } finally {
    listener.disconnect();
  }
});

it('what nobody nudges for is told all the same', async () => {
  // A process that speaks to others under another name: nobody hears it.
  const mute = await stack.startApi({ REDIS_PREFIX: `${stack.redisPrefix}-other` });
  const reader = await feeds.watch({ bases: [bases[0]] });
  for (let n = 0; n < 3; n += 1) await added(reader, (await createConversation(mute.url)).id);
  expect(reader.record.violations).toEqual([]);
  expect(reader.record.connections).toHaveLength(1);
  await mute.stop();
});

it('pub/sub that is killed again and again, and a FLUSHALL, take nothing away', async () => {
  const conversation = await createConversation(bases[0]);
  const readers = await Promise.all(
    bases.map((base) => feeds.watch({ bases: [base], follow: [conversation.id] })),
  );
  const { run } = await ask(bases[0], question(directive), conversation.id);
  for (let n = 0; n < 6; n += 1) {
    await redisClient.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await createConversation(bases[n % 2] ?? '');
    await expect
      .poll(() => readers[0]?.record.runs.get(run.id)?.ids.length ?? 0, patience)
      .toBeGreaterThan(n * 5);
    if (n === 3) await redisClient.flushall();
  }
  for (const reader of readers) {
    await whenEnded(reader, run.id);
    expect(reader.record.violations).toEqual([]);
    expect(reader.record.runs.get(run.id)?.text).toBe(text);
    expect(reader.record.connections).toHaveLength(1);
  }
});

it('Redis is dead for some seconds: the reader waits, and everything comes', async () => {
  const conversation = await createConversation(bases[0]);
  const reader = await feeds.watch({ follow: [conversation.id] });
  const { run } = await ask(bases[0], question(directive), conversation.id);
  await whenUnderWay(reader, run.id, 5);
  const { port } = redis;
  await redis.kill();
  await expect.poll(async () => (await call(bases[0], 'GET', '/readyz')).status, patience).toBe(503);
  // What needs Postgres only is told while Redis is away.
  await added(reader, (await createConversation(bases[0])).id);
  redis = await startRedis({ dataDir: join(dir, 'redis'), log: join(dir, 'redis.log'), port });
  await whenEnded(reader, run.id);
  expect(reader.record.violations).toEqual([]);
  expect(reader.record.runs.get(run.id)?.text).toBe(text);
});

it('Postgres cannot be reached for some seconds: the connection stays, and everything comes in order', async () => {
  const url = new URL(stack.env['DATABASE_URL'] ?? '');
  const network = new URL(postgres.url());
  url.hostname = network.hostname;
  url.port = network.port;
  const cut = await stack.startApi({ DATABASE_URL: url.href });
  const conversation = await createConversation(bases[0]);
  const reader = await feeds.watch({ bases: [cut.url], follow: [conversation.id] });
  const { run } = await ask(bases[0], question(directive), conversation.id);
  await whenUnderWay(reader, run.id, 5);
  await postgres.refuse();
  postgres.reset();
  await expect.poll(async () => (await call(cut.url, 'GET', '/readyz')).status, patience).toBe(503);
  const others = await Promise.all([1, 2, 3].map(() => createConversation(bases[0])));
  const { run: second } = await ask(bases[1], question({ deltas: 3, seed: 9 }), conversation.id);
  // Answers go on without it.
  await expect.poll(() => reader.record.runs.get(run.id)?.terminal, patience).toBeTruthy();
  await postgres.pass();
  for (const { id } of others) await added(reader, id);
  await whenEnded(reader, second.id);
  expect(reader.record.violations).toEqual([]);
  expect(reader.record.runs.get(run.id)?.text).toBe(text);
  expect(reader.record.connections).toHaveLength(1);
  await cut.stop();
});
