/** What many runs of one process write to Redis together: how many calls that takes, and what one of them costs the others. */
import { randomUUID } from 'node:crypto';
import { connectRedis, whenReady } from '@holdfast/shared/redis.ts';
import { runKeys } from '@holdfast/shared/run-log/keys.ts';
import { readText } from '@holdfast/shared/run-log/read-text.ts';
import { createRedisRunLog } from '@holdfast/shared/run-log/redis.ts';
import { RunLogUnavailableError } from '@holdfast/shared/run-log/run-log.ts';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, inject, it, onTestFinished } from 'vitest';
import { startChaosProxy } from '../support/chaos-proxy.ts';
import { completed, delta, deltas, idsOf, started } from './run-log.contract.ts';

const prefix = `contract-many-${randomUUID()}`;
const appended = { status: 'appended', cancelRequested: false };

const connect = (url = inject('redisUrl')): Redis =>
  connectRedis({ url, role: 'commands', name: 'contract-many', onError: () => undefined });
const logOn = (redis: Redis) => createRedisRunLog({ redis, prefix, retentionMs: 90_000 });

let redis: Redis;
let log: ReturnType<typeof logOn>;
beforeAll(async () => {
  redis = connect();
  await whenReady(redis);
  log = logOn(redis);
});
afterAll(() => redis.disconnect());

let runs: string[];
beforeEach(async () => {
  runs = Array.from({ length: 50 }, () => randomUUID());
  await Promise.all(runs.map((run) => log.open(run, 1, started)));
});

/** Script calls that this connection sends while `work` runs. */
async function callsDuring(connection: Redis, work: () => Promise<unknown>): Promise<number> {
  let calls = 0;
  const { sendCommand } = connection;
  connection.sendCommand = function (...args) {
    if (args[0].name.startsWith('eval')) calls += 1;
    return sendCommand.apply(this, args);
  };
  await work();
  connection.sendCommand = sendCommand;
  return calls;
}

describe('many runs that write at once', () => {
  it('leave in one call', async () => {
    const calls = await callsDuring(redis, () =>
      Promise.all(runs.map((run) => log.append(run, 1, 1, deltas(1, 2)))),
    );
    expect(calls).toBe(1);
  });

  it('leave in one more call, when they ask for it while a call is under way', async () => {
    const [first, ...others] = runs as [string, ...string[]];
    const calls = await callsDuring(redis, async () => {
      const early = log.append(first, 1, 1, deltas(1, 1));
      await new Promise((resolve) => setImmediate(resolve));
      await Promise.all([early, ...others.map((run) => log.append(run, 1, 1, deltas(1, 1)))]);
    });
    expect(calls).toBe(2);
  });

  it('leave in several calls when it is more than Redis should be held for', async () => {
    const many = await callsDuring(redis, () =>
      Promise.all(runs.map((run) => log.append(run, 1, 1, deltas(1, 100)))),
    );
    expect(many).toBe(10);
    const large = await callsDuring(redis, () =>
      Promise.all(runs.slice(0, 6).map((run) => log.append(run, 1, 101, [delta('x'.repeat(400_000))]))),
    );
    expect(large).toBe(3);
  });

  it('do not suffer from one whose keys hold something else', async () => {
    const [badMeta, badLog, oddMeta, ...good] = runs as [string, string, string, ...string[]];
    await redis.set(runKeys(prefix, badMeta).meta, 'foreign');
    await redis.set(runKeys(prefix, badLog).log, 'foreign');
    await redis.hset(runKeys(prefix, oddMeta).meta, 'seq', 'foreign');
    const results = await Promise.allSettled(runs.map((run) => log.append(run, 1, 1, deltas(1, 2))));
    for (const result of results.slice(0, 3)) {
      expect(result).toMatchObject({ status: 'rejected', reason: expect.any(RunLogUnavailableError) });
    }
    expect(results.slice(3)).toEqual(good.map(() => ({ status: 'fulfilled', value: appended })));
    const wrongType = results[1] as PromiseRejectedResult;
    expect(String(wrongType.reason)).toContain('WRONGTYPE');
    for (const run of good) expect((await readText(log, run))?.text).toBe('1 2 ');
  });

  it('repeat what a cut connection left in doubt, and have each event once', async () => {
    const { hostname: host, port } = new URL(inject('redisUrl'));
    const proxy = await startChaosProxy({ target: { host, port: Number(port) } });
    const cut = connect(proxy.url('redis'));
    onTestFinished(async () => {
      cut.disconnect();
      await proxy.stop();
    });
    await whenReady(cut);
    const doubtful = logOn(cut);
    await doubtful.append(runs[0] as string, 1, 1, deltas(1, 1));
    // Redis carries the call out; its reply never comes.
    proxy.pause('reply');
    const first = Promise.allSettled(runs.map((run) => doubtful.append(run, 1, 1, deltas(1, 3))));
    await expect.poll(async () => (await log.heads(runs)).every((head) => head?.id.seq === 3)).toBe(true);
    proxy.reset();
    proxy.resume('reply');
    await first;
    await expect
      .poll(
        async () => {
          const again = await Promise.allSettled(
            runs.map((run) => doubtful.append(run, 1, 1, [...deltas(1, 4), completed])),
          );
          return again.every((each) => each.status === 'fulfilled' && each.value.status === 'appended');
        },
        { timeout: 10_000 },
      )
      .toBe(true);
    for (const run of runs) {
      expect(idsOf((await log.read(run, null, 10)).events)).toEqual([
        '1-0',
        '1-1',
        '1-2',
        '1-3',
        '1-4',
        '1-5',
      ]);
    }
  });

  it('are all told when Redis is away', async () => {
    const away = connect('redis://127.0.0.1:1');
    onTestFinished(() => away.disconnect());
    const broken = logOn(away);
    const results = await Promise.allSettled(runs.map((run) => broken.append(run, 1, 1, deltas(1, 1))));
    for (const result of results) {
      expect(result).toMatchObject({ status: 'rejected', reason: expect.any(RunLogUnavailableError) });
    }
  });
});
