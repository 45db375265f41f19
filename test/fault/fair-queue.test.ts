/** Processes and Redis die while many runs wait for their turn: each run is answered, and once. */
import { join } from 'node:path';
import { queuePrefix } from '@holdfast/shared/run-log/keys.ts';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { type Redis as RedisService, startRedis } from '../../scripts/services/redis.ts';
import { ask, call, createConversation, question } from '../support/ask.ts';
import { type ChaosProxy, startChaosProxy } from '../support/chaos-proxy.ts';
import { firstUrl, patience, storedEnd, storedRun } from '../support/inspect.ts';
import { type Stack, startStack } from '../support/stack.ts';

/** Of two workers together. */
const places = 8;

/** Longest wait for the answers to all that was accepted, on a busy machine. */
const answersMsMax = 100_000;

let server: RedisService;
/** Between one API process and Redis. */
let network: ChaosProxy;
let redis: Redis;
let stack: Stack;
let base: string;
beforeAll(async () => {
  // Its own: it is emptied.
  server = await startRedis({
    dataDir: join(inject('logDir'), 'fair-queue-redis'),
    log: join(inject('logDir'), 'fair-queue-redis.log'),
  });
  network = await startChaosProxy({ target: { host: '127.0.0.1', port: server.port } });
  redis = new Redis(server.url);
  stack = await startStack({
    apis: 1,
    workers: 2,
    redisUrl: server.url,
    env: { WORKER_CONCURRENCY: String(places / 2) },
  });
  base = firstUrl(stack);
});
afterAll(async () => {
  redis?.disconnect();
  await stack?.stop();
  await network?.stop();
  await server?.stop();
});

const short = (key: string) => question({ deltas: 3, intervalMs: 50, key });

/** Asks so often, each time in a new conversation, in parts that wait for each other. */
async function askTimes(origin: string, times: number, key: string): Promise<string[]> {
  const runIds: string[] = [];
  for (let n = 0; n < times; n += 10) {
    const part = Array.from({ length: Math.min(10, times - n) }, (_, nth) =>
      ask(origin, short(`${key}-${n + nth}`)),
    );
    runIds.push(...(await Promise.all(part)).map(({ run }) => run.id));
  }
  return runIds;
}

/** Fills all places. Returns what frees them. */
async function occupy(): Promise<() => Promise<void>> {
  const endless = question({ deltas: 5_000, intervalMs: 100 });
  const asked = await Promise.all(Array.from({ length: places }, () => ask(base, endless)));
  for (const { run } of asked) {
    await expect.poll(async () => (await storedRun(stack, run.id)).status, patience).toBe('running');
  }
  return async () => {
    await Promise.all(asked.map(({ run }) => call(base, 'POST', `/api/runs/${run.id}/cancel`)));
  };
}

async function expectAllAnsweredOnce(runIds: readonly string[], key: string): Promise<void> {
  const ends = async () =>
    (
      await stack.db.query<{ status: string; attempt: number; n: number }>(
        'select status, attempt, count(*)::int as n from runs where id = any($1) group by 1, 2',
        [runIds],
      )
    ).rows;
  await expect
    .poll(ends, { ...patience, timeout: answersMsMax })
    .toEqual([{ status: 'completed', attempt: 1, n: runIds.length }]);
  const asked = stack.upstream.journal().filter((entry) => entry.key?.startsWith(`${key}-`));
  expect(asked).toHaveLength(runIds.length);
  expect(new Set(asked.map((entry) => entry.key)).size).toBe(runIds.length);
}

const waiting = async () => (await stack.db.query(`select 1 from runs where phase = 'waiting'`)).rows.length;

it('an API process that dies between dispatching a run in Postgres and ringing for it loses nothing', async () => {
  const { id } = await createConversation(base);
  const api = await stack.startApi({ REDIS_URL: network.url('redis') });
  await network.blackhole();
  // Settles as rejected: the process dies under it.
  const post = call(api.url, 'POST', `/api/conversations/${id}/messages`, { text: short('unrung-0') }).then(
    (reply) => reply.status,
    () => 'died',
  );
  const dispatched = async () =>
    (
      await stack.db.query<{ id: string }>(
        'select id from runs where conversation_id = $1 and dispatched_at is not null',
        [id],
      )
    ).rows[0]?.id ?? '';
  await expect.poll(dispatched, patience).not.toBe('');
  const runId = await dispatched();
  const job = await redis.exists(`${queuePrefix(stack.redisPrefix)}:runs:${runId}`);
  await api.kill();
  network.reset();
  await network.pass();
  expect(await post).toBe('died');
  expect(job, 'the job was not added').toBe(0);
  await storedEnd(stack, runId);
  await expectAllAnsweredOnce([runId], 'unrung');
});

it('an API process that is killed while a hundred runs wait loses none of them', async () => {
  const api = await stack.startApi();
  const free = await occupy();
  const accepted = await askTimes(base, 60, 'killed');
  const more: string[] = [];
  // It dies while it accepts and dispatches; what it had not answered counts only if it was stored.
  const asking = Array.from({ length: 40 }, (_, n) =>
    ask(api.url, short(`killed-${60 + n}`)).then(
      ({ run }) => more.push(run.id),
      () => undefined,
    ),
  );
  await expect.poll(() => more.length, patience).toBeGreaterThan(5);
  await api.kill();
  await Promise.all(asking);
  const { rows } = await stack.db.query<{ id: string }>(
    `select runs.id from runs join messages on messages.id = prompt_message_id where messages.text like '%"killed-%'`,
  );
  const stored = rows.map((row) => row.id);
  await free();
  expect(stored).toEqual(expect.arrayContaining([...accepted, ...more]));
  await expectAllAnsweredOnce(stored, 'killed');
});

it('FLUSHALL while fifty runs wait and some are being answered: all are answered, once', async () => {
  const free = await occupy();
  const runIds = await askTimes(base, 50, 'flushed');
  expect(await waiting()).toBe(50);
  await redis.flushall();
  await free();
  await expectAllAnsweredOnce(runIds, 'flushed');
});
