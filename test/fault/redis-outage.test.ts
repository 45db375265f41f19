/** Redis dies, hangs, is cut off or is emptied while answers are written. It is a buffer: that costs time, never words. */
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, expect, inject, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { type Redis as RedisService, startRedis } from '../../scripts/services/redis.ts';
import { ask, call, createConversation, follow, question } from '../support/ask.ts';
import { type ChaosProxy, startChaosProxy } from '../support/chaos-proxy.ts';
import {
  allEnd,
  deathsOf,
  expectOneEnd,
  holdEnd,
  patience,
  storedEnd,
  storedRun,
  twoUrls,
  underWay,
  watch,
} from '../support/inspect.ts';
import { type Stack, startStack } from '../support/stack.ts';

/** No request may take longer than this, whatever is down. */
const answerMsMax = 5_000;

let server: RedisService;
let network: ChaosProxy;
let stack: Stack;
let bases: readonly [string, string];
let deaths: readonly string[];
/** To the server itself, past the proxy. */
let redis: Redis;

const serverFiles = () => ({
  dataDir: join(inject('logDir'), 'redis-outage'),
  log: join(inject('logDir'), 'redis-outage.log'),
});

beforeAll(async () => {
  server = await startRedis(serverFiles());
  network = await startChaosProxy({ target: { host: '127.0.0.1', port: server.port } });
  stack = await startStack({
    apis: 2,
    workers: 2,
    redisUrl: network.url('redis'),
    env: { UPSTREAM_IDLE_MS: '60000' },
  });
  bases = twoUrls(stack);
  deaths = deathsOf(stack);
  redis = new Redis(server.url, { retryStrategy: () => 100 });
  redis.on('error', () => {}); // it is killed on purpose
});
afterEach(async () => {
  await network.pass();
  for (const base of bases) {
    await expect.poll(async () => (await call(base, 'GET', '/readyz')).status, patience).toBe(200);
  }
  expect(deaths).toEqual([]);
});
afterAll(async () => {
  redis?.disconnect();
  await stack?.stop();
  await network?.stop();
  await server?.stop();
});

/** Makes a request, checks that it does not hang, and returns what it got. */
async function promptly(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const startedAt = performance.now();
  const reply = await call(bases[0], method, path, body, headers);
  expect(performance.now() - startedAt, `${method} ${path} hung`).toBeLessThan(answerMsMax);
  return reply;
}

async function whileRedisIsAway(run: { id: string; conversationId: string }): Promise<void> {
  await expect.poll(async () => (await promptly('GET', '/readyz')).status, patience).toBe(503);
  const other = await promptly('POST', '/api/conversations', {});
  expect(other.status).toBe(201);
  const { id } = other.body as { id: string };
  const post = await promptly('POST', `/api/conversations/${id}/messages`, { text: 'Hello' });
  expect(post).toMatchObject({ status: 503, body: { code: 'queue_unavailable' } });
  expect(Number(post.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await promptly('GET', `/api/conversations/${id}/messages`)).body).toEqual({
    messages: [],
    activeRun: null,
    waitingRuns: [],
  });
  expect(await promptly('GET', `/api/conversations/${run.conversationId}/messages`)).toMatchObject({
    status: 200,
    body: { activeRun: { id: run.id } },
  });
  expect((await promptly('GET', '/healthz')).status).toBe(200);
}

it('Redis is dead for ten seconds and comes back empty: the answer under way goes on where it was, and everything else is told at once', async () => {
  const directive = { deltas: 130, intervalMs: 100, seed: 21 };
  const text = scriptedText(directive).join('');
  const ended = await ask(bases[0], question({ deltas: 5 }));
  const endedRecord = await follow(bases, ended.run);
  const { run } = await ask(bases[0], question(directive));
  const stopped = await ask(bases[1], question({ deltas: 500, intervalMs: 50, key: 'stopped-in-outage' }));
  const readers = watch(bases, run, text);
  const stoppedReaders = watch(bases, stopped.run);
  await Promise.all([underWay(readers[0], 5), underWay(stoppedReaders[0], 5)]);

  const downAt = performance.now();
  await server.kill();
  await whileRedisIsAway(run);
  // Stopping needs Postgres only: the worker reads the flag with its next heartbeat.
  const cancel = await promptly('POST', `/api/runs/${stopped.run.id}/cancel`);
  expect(cancel.status).toBe(202);
  const request = () => stack.upstream.journal().find((entry) => entry.key === 'stopped-in-outage');
  await expect.poll(() => request()?.outcome, { ...patience, timeout: 4_000 }).toBe('client-closed');
  // What has ended stands in Postgres, and so can be read.
  const late = await follow([bases[1]], ended.run);
  expect(late).toMatchObject({ violations: [], text: endedRecord.text, terminal: { type: 'completed' } });

  await new Promise((resolve) => setTimeout(resolve, Math.max(0, 10_000 - (performance.now() - downAt))));
  server = await startRedis({ ...serverFiles(), port: server.port });

  const records = await allEnd(readers);
  const { stored } = await expectOneEnd(stack, run, records, redis);
  expect(stored).toMatchObject({ status: 'completed', attempt: 1, crashes: 0 });
  expect(records[0]?.text).toBe(text);
  const stoppedEnd = await expectOneEnd(stack, stopped.run, await allEnd(stoppedReaders), redis);
  expect(stoppedEnd.stored).toMatchObject({ status: 'cancelled', attempt: 1 });
  // Accepting works again.
  const after = await ask(bases[0], question({ deltas: 5 }));
  expect(await follow(bases, after.run)).toMatchObject({ violations: [], terminal: { type: 'completed' } });
});

it('every connection to Redis is cut for longer than a lease: the answer goes on in the same attempt', async () => {
  const directive = { deltas: 60, intervalMs: 100, seed: 22 };
  const text = scriptedText(directive).join('');
  const { run } = await ask(bases[0], question(directive));
  const readers = watch(bases, run, text);
  await underWay(readers[0], 5);
  await network.refuse();
  network.reset();
  await whileRedisIsAway(run);
  await expect
    .poll(
      async () =>
        (
          await stack.db.query(
            "select now() - started_at > interval '5 seconds' as past from runs where id = $1",
            [run.id],
          )
        ).rows[0].past as boolean,
      patience,
    )
    .toBe(true);
  await network.pass();

  const records = await allEnd(readers);
  const { stored } = await expectOneEnd(stack, run, records, redis);
  expect(stored).toMatchObject({ status: 'completed', attempt: 1, crashes: 0 });
  expect(records[0]?.text).toBe(text);
});

it('Redis hangs: a message is taken all the same, nothing waits for it, and both answers come to their end', async () => {
  const directive = { deltas: 60, intervalMs: 100, seed: 23 };
  const text = scriptedText(directive).join('');
  const conversation = await createConversation(bases[0]);
  const { run } = await ask(bases[0], question({ ...directive, key: 'stopped-while-hung' }));
  const readers = watch(bases, run, text);
  await underWay(readers[0], 5);
  await network.blackhole();
  const post = await promptly(
    'POST',
    `/api/conversations/${conversation.id}/messages`,
    { text: question({ deltas: 5, seed: 1, key: 'posted-while-hung' }) },
    { 'idempotency-key': 'hung-1' },
  );
  expect(post.status).toBe(202);
  expect((await promptly('GET', '/readyz')).status).toBe(503);
  expect((await promptly('GET', `/api/conversations/${run.conversationId}/messages`)).status).toBe(200);
  expect((await promptly('POST', `/api/runs/${run.id}/cancel`)).status).toBe(202);
  // The flag alone must be enough: the worker's heartbeat goes to Postgres.
  const request = () => stack.upstream.journal().find((entry) => entry.key === 'stopped-while-hung');
  await expect.poll(() => request()?.outcome, { ...patience, timeout: 4_000 }).toBe('client-closed');
  await network.pass();

  const records = await allEnd(readers);
  const { stored } = await expectOneEnd(stack, run, records, redis);
  expect(stored).toMatchObject({ status: 'cancelled', attempt: 1 });
  const posted = (post.body as { run: { id: string; eventsUrl: string } }).run;
  expect((await follow(bases, posted)).terminal?.type).toBe('completed');
  expect(await storedEnd(stack, posted.id)).toMatchObject({ attempt: 1 });
  expect(stack.upstream.journal().filter((entry) => entry.key === 'posted-while-hung')).toHaveLength(1);
});

it('Redis goes away between the end in Postgres and the terminal event: the event is written when it is back', async () => {
  const directive = { deltas: 100, intervalMs: 20, seed: 25 };
  const { run } = await ask(bases[0], question(directive));
  const readers = watch(bases, run, scriptedText(directive).join(''));
  await underWay(readers[0]);
  const goOn = await holdEnd(stack, run.id);
  await network.refuse();
  network.reset();
  await goOn();
  // The next renewal finds the run ended. Its worker must not take that for a loss.
  const renewed = `select 1 from pg_stat_activity, runs where datname = current_database() and runs.id = $1
                   and application_name = 'holdfast-worker' and query like '%unnest%' and query_start > finished_at`;
  await expect
    .poll(async () => (await stack.db.query(renewed, [run.id])).rows.length, patience)
    .toBeGreaterThan(0);
  // Before the job's lock runs out: after that another worker would be woken and write the event.
  await network.pass();
  const { stored } = await expectOneEnd(stack, run, await allEnd(readers), redis);
  expect(stored).toMatchObject({ status: 'completed', attempt: 1 });
});

it('FLUSHALL in mid-answer: the log is written again under the same ids, and no reader notices', async () => {
  const directive = { deltas: 100, intervalMs: 20, seed: 24 };
  const text = scriptedText(directive).join('');
  const { run } = await ask(bases[0], question(directive));
  const readers = watch(bases, run, text);
  await underWay(readers[0]);
  await redis.flushall();

  const records = await allEnd(readers);
  const { stored, log } = await expectOneEnd(stack, run, records, redis);
  expect(stored).toMatchObject({ status: 'completed', attempt: 1, crashes: 0 });
  expect(log[0]).toMatchObject({ id: '1-0', type: 'started' });
  expect(records.map((record) => record.connections.length)).toEqual([1, 1]);
});

it('FLUSHALL while runs wait for a worker or for a retry: each is found again and answered once', async () => {
  const { run: waiting } = await ask(
    bases[0],
    question({ deltas: 5, status: 503, times: 1, retryAfter: 1, key: 'flushed-retry' }),
  );
  await expect
    .poll(async () => storedRun(stack, waiting.id), patience)
    .toMatchObject({ status: 'queued', retries: 1 });
  await redis.flushall();
  const [record] = await allEnd(watch([bases[0]], waiting));
  await expectOneEnd(stack, waiting, [record], redis);
  expect(record?.terminal?.type).toBe('completed');
  expect(stack.upstream.journal().filter((entry) => entry.key === 'flushed-retry')).toHaveLength(2);
});
