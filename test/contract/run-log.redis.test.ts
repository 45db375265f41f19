import { randomUUID } from 'node:crypto';
import { connectRedis, type RedisRole, whenReady } from '@holdfast/shared/redis.ts';
import { cancelChannel, runKeys } from '@holdfast/shared/run-log/keys.ts';
import { createLeanConnection } from '@holdfast/shared/run-log/lean-connection.ts';
import { createRedisRunLog } from '@holdfast/shared/run-log/redis.ts';
import { createRedisRunLogFeed } from '@holdfast/shared/run-log/redis-feed.ts';
import { RunLogUnavailableError } from '@holdfast/shared/run-log/run-log.ts';
import { leanScriptsThrough } from '@holdfast/shared/run-log/scripts.ts';
import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it, onTestFinished } from 'vitest';
import {
  completed,
  deltas,
  describeRunLog,
  emptied,
  idsOf,
  type RunLogSubject,
  started,
} from './run-log.contract.ts';
import { describeRunLogModel } from './run-log.model.ts';

const prefix = `contract-${randomUUID()}`;
const retentionMs = 90_000;
const openLifeMs = 24 * 60 * 60_000;

const connect = (role: RedisRole, name = 'contract'): Redis =>
  connectRedis({ url: inject('redisUrl'), role, name, onError: () => undefined });

/** A replica that lags behind has no trace of the newer entries, not even the stream's last id: so it is built anew. */
async function truncate(redis: Redis, runId: string, seq: number): Promise<void> {
  const keys = runKeys(prefix, runId);
  const attempt = await redis.hget(keys.meta, 'attempt');
  const kept = await redis.xrange(keys.log, '-', `${attempt}-${seq}`);
  const transaction = redis.multi().del(keys.log).hdel(keys.meta, 'closed').hset(keys.meta, 'seq', seq);
  for (const [id, fields] of kept) transaction.xadd(keys.log, id, ...fields);
  await transaction.exec();
}

/** `lean`: read as an API process reads, and written as a worker writes; or both over a connection that others use, too. */
async function createSubject(lean: boolean): Promise<RunLogSubject> {
  const redis = connect('commands');
  const readRedis = connect('lean');
  const writeRedis = connect('lean');
  const feedRedis = connect('lean');
  await Promise.all([redis, readRedis, writeRedis, feedRedis].map(whenReady));
  const reads = createLeanConnection(readRedis).transact;
  const writes = leanScriptsThrough(createLeanConnection(writeRedis));
  return {
    log: createRedisRunLog({ redis, prefix, retentionMs, ...(lean ? { reads, writes } : {}) }),
    feed: async (handlers) => createRedisRunLogFeed({ redis: feedRedis, prefix }, handlers),
    lose: async (runId) => {
      const keys = runKeys(prefix, runId);
      await redis.del(keys.log, keys.meta);
    },
    truncate: (runId, seq) => truncate(redis, runId, seq),
    close: async () => {
      for (const connection of [redis, readRedis, writeRedis, feedRedis]) connection.disconnect();
    },
  };
}

describeRunLog('the run log in Redis', () => createSubject(true));
describeRunLog('the run log in Redis, over a shared connection', () => createSubject(false));
describeRunLogModel('the run log in Redis', () => createSubject(true), 150);

describe('the run log in Redis, as Redis sees it', () => {
  let redis: Redis;
  let log: RunLogSubject['log'];

  beforeAll(async () => {
    redis = connect('commands');
    await whenReady(redis);
    log = createRedisRunLog({ redis, prefix, retentionMs });
  });
  afterAll(() => redis.disconnect());

  let runId: string;
  afterEach(async () => {
    if (runId) await redis.del(runKeys(prefix, runId).log, runKeys(prefix, runId).meta);
  });

  it('keeps an open log for a day, renews that as it grows, and after the end keeps it for the retention time', async () => {
    runId = randomUUID();
    const keys = runKeys(prefix, runId);
    const lives = () => Promise.all([redis.pttl(keys.log), redis.pttl(keys.meta)]);
    const expectLives = async (ms: number) => {
      for (const life of await lives()) {
        expect(life).toBeGreaterThan(ms - 60_000);
        expect(life).toBeLessThanOrEqual(ms);
      }
    };
    const age = async () => {
      await redis.pexpire(keys.log, 5_000);
      await redis.pexpire(keys.meta, 5_000);
    };
    await log.open(runId, 1, started);
    await expectLives(openLifeMs);
    await age();
    await log.append(runId, 1, 1, deltas(1, 1));
    await expectLives(openLifeMs);
    await age();
    // Not with every append, which would cost all runs two writes more, in Redis' file, too.
    await log.append(runId, 1, 2, deltas(2, 127));
    expect(await redis.pttl(keys.log)).toBeLessThanOrEqual(5_000);
    await log.append(runId, 1, 128, deltas(128, 130));
    await expectLives(openLifeMs);
    await age();
    await log.open(runId, 2, emptied);
    await expectLives(openLifeMs);
    await log.append(runId, 2, 1, [completed]);
    await expectLives(retentionMs);
    // Whoever asks for a stop after the end, or repeats the end, keeps nothing longer.
    await log.requestCancel(runId);
    await log.append(runId, 2, 1, [completed]);
    await expectLives(retentionMs);
  });

  it('lets a wish to stop that no worker ever sees expire', async () => {
    runId = randomUUID();
    await log.requestCancel(runId);
    const life = await redis.pttl(runKeys(prefix, runId).meta);
    expect(life).toBeGreaterThan(openLifeMs - 60_000);
    expect(life).toBeLessThanOrEqual(openLifeMs);
  });

  it('nudges the workers when somebody wants a run stopped', async () => {
    runId = randomUUID();
    const listener = connect('subscriber');
    onTestFinished(() => listener.disconnect());
    const heard: string[] = [];
    listener.on('message', (_channel, message) => heard.push(message));
    await listener.subscribe(cancelChannel(prefix));
    await log.requestCancel(runId);
    await expect.poll(() => heard).toEqual([runId]);
  });

  it('writes no key of a run without its hash tag', async () => {
    runId = randomUUID();
    await log.requestCancel(runId);
    await log.open(runId, 1, started);
    await log.append(runId, 1, 1, [...deltas(1, 2), completed]);
    const { log: logKey, meta, channel } = runKeys(prefix, runId);
    expect((await redis.keys(`*${runId}*`)).sort()).toEqual([logKey, meta].sort());
    const tags = [logKey, meta, channel].map((key) => /\{(.+?)\}/.exec(key)?.[1]);
    expect(tags).toEqual([runId, runId, runId]);
  });

  it('goes on when Redis has forgotten its scripts', async () => {
    runId = randomUUID();
    await log.open(runId, 1, started);
    await redis.script('FLUSH');
    expect(await log.append(runId, 1, 1, deltas(1, 1))).toMatchObject({ status: 'appended' });
    const leanRedis = connect('lean');
    onTestFinished(() => leanRedis.disconnect());
    await whenReady(leanRedis);
    const writes = leanScriptsThrough(createLeanConnection(leanRedis));
    const lean = createRedisRunLog({ redis, prefix, retentionMs, writes });
    await redis.script('FLUSH');
    expect(await lean.append(runId, 1, 2, deltas(2, 2))).toMatchObject({ status: 'appended' });
  });

  it('throws RunLogUnavailableError from every method while Redis does not answer', async () => {
    runId = randomUUID();
    const away = connectRedis({
      url: 'redis://127.0.0.1:1',
      role: 'commands',
      name: 'away',
      onError: () => undefined,
    });
    onTestFinished(() => away.disconnect());
    const broken = createRedisRunLog({ redis: away, prefix, retentionMs });
    await expect(broken.open(runId, 1, started)).rejects.toThrow(RunLogUnavailableError);
    await expect(broken.append(runId, 1, 1, deltas(1, 1))).rejects.toThrow(RunLogUnavailableError);
    await expect(broken.read(runId, null, 1)).rejects.toThrow(RunLogUnavailableError);
    await expect(broken.heads([runId])).rejects.toThrow(RunLogUnavailableError);
    await expect(broken.requestCancel(runId)).rejects.toThrow(RunLogUnavailableError);
  });

  it('tells of an interruption when the connection of its feed broke, and hears what comes after it', async () => {
    runId = randomUUID();
    const name = `feed-${runId.slice(0, 8)}`;
    const subscriber = connect('lean', name);
    onTestFinished(() => subscriber.disconnect());
    await whenReady(subscriber);
    const heard: string[] = [];
    let interruptions = Number.NEGATIVE_INFINITY;
    const feed = createRedisRunLogFeed(
      { redis: subscriber, prefix },
      {
        onEvent: (_runId, event) => heard.push(...idsOf([event])),
        onInterruption: () => {
          interruptions += 1;
          // Whatever is appended after the interruption was told must be heard: nobody is told a second time.
          if (interruptions > 0) void log.append(runId, 1, 1, deltas(1, 1));
        },
      },
    );
    await feed.listen(runId);
    interruptions = 0;
    await log.open(runId, 1, started);
    await expect.poll(() => heard).toEqual(['1-0']);
    const clients = (await redis.client('LIST')) as string;
    const id = new RegExp(`^id=(\\d+) .*name=${name} `, 'm').exec(clients)?.[1];
    await redis.client('KILL', 'ID', Number(id));
    await expect.poll(() => heard, { timeout: 10_000 }).toEqual(['1-0', '1-1']);
    expect(interruptions).toBe(1);
  });

  it('holds nothing of an older attempt after the opening of the newest, whatever two workers append', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ stale: fc.boolean(), count: fc.integer({ min: 1, max: 4 }) }), {
          minLength: 50,
          maxLength: 50,
        }),
        fc.integer({ min: 0, max: 49 }),
        async (steps, takenOverAt) => {
          runId = randomUUID();
          await log.open(runId, 1, started);
          const nextSeq = { 1: 1, 2: 1 };
          // Sent without waiting for replies: Redis takes them in this order, each of one worker after the other.
          const replies = steps.map(async ({ stale, count }, at) => {
            const attempt = stale ? 1 : 2;
            const opened = at === takenOverAt ? log.open(runId, 2, emptied) : null;
            const seq = nextSeq[attempt];
            const appended = log.append(runId, attempt, seq, deltas(seq, seq + count - 1));
            if (attempt === 1 || at >= takenOverAt) nextSeq[attempt] += count;
            await opened;
            return { attempt, at, result: await appended };
          });
          for (const { attempt, at, result } of await Promise.all(replies)) {
            const fenced = attempt === 1 && at >= takenOverAt;
            const tooEarly = attempt === 2 && at < takenOverAt;
            expect(result.status).toBe(fenced ? 'fenced' : tooEarly ? 'absent' : 'appended');
          }
          const entries = await redis.xrange(runKeys(prefix, runId).log, '-', '+');
          const rows = entries.map(([id]) => id);
          const opening = rows.indexOf('2-0');
          expect(rows.slice(opening)).toEqual(Array.from({ length: nextSeq[2] }, (_, n) => `2-${n}`));
          expect(rows.slice(0, opening).every((id) => id.startsWith('1-'))).toBe(true);
          await redis.del(runKeys(prefix, runId).log, runKeys(prefix, runId).meta);
        },
      ),
      { seed: 20, numRuns: 8 },
    );
  });
});
