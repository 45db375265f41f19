/** A thousand readers of two hundred answers at once, on two API processes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis as RedisClient } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { type Redis, startRedis } from '../../scripts/services/redis.ts';
import { ask, question } from '../support/ask.ts';
import { createCrowdAgent, readInCrowd } from '../support/crowd.ts';
import { residentBytes } from '../support/resident-memory.ts';
import { type Stack, startStack } from '../support/stack.ts';

const answers = 200;
const readersPerAnswer = 5;
/** 80 deltas over 16 s: on a busy machine, too, every answer goes on while every reader is there. */
const directiveOf = (n: number) => ({ deltas: 80, intervalMs: 200, seed: 1_000 + n, marker: `answer ${n}` });

let redis: Redis;
let redisClient: RedisClient;
let dir: string;
let stack: Stack;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-load-'));
  redis = await startRedis({ dataDir: join(dir, 'redis'), log: join(dir, 'redis.log') });
  redisClient = new RedisClient(redis.url);
  // The lease is long: two hundred answers and a thousand readers on two cores are a busy machine, which is no fault.
  stack = await startStack({
    apis: 2,
    workers: 2,
    redisUrl: redis.url,
    env: { WORKER_LEASE_MS: '10000', UPSTREAM_IDLE_MS: '30000' },
  });
});
afterAll(async () => {
  await stack.stop();
  redisClient.disconnect();
  await redis.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function apiRedisConnections(): Promise<number> {
  const list = (await redisClient.call('CLIENT', 'LIST')) as string;
  return [...list.matchAll(/ name=holdfast-api/g)].length;
}

it('1,000 readers of 200 answers that are written at once: every one complete and in order', async () => {
  const bases = stack.apis.map((api) => api.url);
  const connectionsBefore = await apiRedisConnections();
  const memoryBefore = stack.apis.map((api) => residentBytes(api.pid));
  const agent = createCrowdAgent();
  let open = 0;
  let openAtOnce = 0;
  let connectionsDuring = 0;

  const readers = await Promise.all(
    Array.from({ length: answers }, async (_, n) => {
      const { run } = await ask(bases[n % 2] ?? '', question(directiveOf(n)));
      return Promise.all(
        Array.from({ length: readersPerAnswer }, async (__, reader) => {
          const read = readInCrowd(`${bases[reader % 2]}${run.eventsUrl}`, agent, () => {
            open += 1;
            openAtOnce = Math.max(openAtOnce, open);
            if (open === 900) void apiRedisConnections().then((count) => (connectionsDuring = count));
          });
          return { n, ...(await read.finally(() => (open -= 1))) };
        }),
      );
    }),
  );
  const memoryAfter = stack.apis.map((api) => residentBytes(api.pid));
  console.log({
    openAtOnce,
    redisConnectionsOfBothApis: { before: connectionsBefore, during: connectionsDuring },
    apiMegabytes: memoryAfter.map((bytes, i) => [memoryBefore[i] ?? 0, bytes].map((each) => each >> 20)),
  });

  for (const { n, ...reader } of readers.flat()) {
    expect(reader).toMatchObject({ status: 200, inOrder: true, last: 'completed' });
    if (reader.text !== scriptedText(directiveOf(n)).join(''))
      throw new Error(`reader of answer ${n} has another text`);
  }
  expect(readers.flat()).toHaveLength(answers * readersPerAnswer);
  expect(openAtOnce).toBeGreaterThan(900);
  expect(connectionsBefore).toBe(8);
  expect(connectionsDuring).toBe(8);
});
