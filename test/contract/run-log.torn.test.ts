/** A log and a meta that disagree, as Redis makes them of a file that was torn in the middle of a script. */
import { randomUUID } from 'node:crypto';
import { connectRedis, whenReady } from '@holdfast/shared/redis.ts';
import { runKeys } from '@holdfast/shared/run-log/keys.ts';
import { createRedisRunLog } from '@holdfast/shared/run-log/redis.ts';
import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { deltas, emptied, idsOf, type RunLogSubject, started } from './run-log.contract.ts';

const prefix = `torn-${randomUUID()}`;

describe('a run log whose end was torn', () => {
  let redis: Redis;
  let log: RunLogSubject['log'];
  let runId: string;
  beforeAll(async () => {
    const url = inject('redisUrl');
    redis = connectRedis({ url, role: 'commands', name: 'torn', onError: () => undefined });
    await whenReady(redis);
    log = createRedisRunLog({ redis, prefix, retentionMs: 90_000 });
  });
  beforeEach(() => {
    runId = randomUUID();
  });
  afterEach(async () => {
    await redis.del(runKeys(prefix, runId).log, runKeys(prefix, runId).meta);
  });
  afterAll(() => redis.disconnect());

  it('is written again when Redis came back with a log that is ahead of its meta', async () => {
    const keys = runKeys(prefix, runId);
    await log.open(runId, 1, started);
    await log.append(runId, 1, 1, deltas(1, 4));
    await log.requestCancel(runId);
    // The end of the append-only file was torn between the entries and what the same script wrote after them.
    await redis.hset(keys.meta, 'seq', 2);
    expect(await log.append(runId, 1, 3, deltas(3, 5))).toEqual({ status: 'absent' });
    expect(await log.open(runId, 1, started)).toBe('opened');
    expect(await log.append(runId, 1, 1, deltas(1, 5))).toEqual({
      status: 'appended',
      cancelRequested: true,
    });
    const { head, events } = await log.read(runId, null, 10);
    expect(idsOf(events)).toEqual(['1-0', '1-1', '1-2', '1-3', '1-4', '1-5']);
    expect(head?.id).toEqual({ attempt: 1, seq: 5 });
  });

  it('lets the newest attempt open it, and no older one, when its meta has lost who opened it', async () => {
    const keys = runKeys(prefix, runId);
    await log.open(runId, 1, started);
    await log.open(runId, 3, emptied);
    await redis.hset(keys.meta, 'attempt', 1, 'seq', 0);
    expect(await log.append(runId, 1, 1, deltas(1, 1))).toEqual({ status: 'fenced' });
    expect(await log.open(runId, 2, emptied)).toBe('fenced');
    expect(await log.open(runId, 3, emptied)).toBe('opened');
    expect(await log.append(runId, 3, 1, deltas(1, 1))).toMatchObject({ status: 'appended' });
    expect(idsOf((await log.read(runId, null, 10)).events)).toEqual(['3-0', '3-1']);
  });
});
