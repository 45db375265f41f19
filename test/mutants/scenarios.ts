/**
 * Faults that are aimed: each scenario does the one thing that a certain mechanism exists for, at the moment at which it
 * matters. Undirected faults seldom hit those moments. The product has to pass every one of them, and a mutant without the
 * mechanism has to fail it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { runKeys } from '@holdfast/shared/run-log/keys.ts';
import { question } from '../support/ask.ts';
import { randomBytes } from '../support/chaos-proxy.ts';
import type { Edit } from './edits.ts';
import type { KnownRun, Scene } from './scene.ts';

export type ScenarioName =
  | 'frozenWorker'
  | 'lateEnd'
  | 'lostTail'
  | 'lostReplies'
  | 'cutConnections'
  | 'duplicatePosts'
  | 'emptiedRedis'
  | 'deathBeforeStore'
  | 'lostMessages'
  | 'slowListening';

export interface Scenario {
  readonly what: string;
  readonly workers: number;
  /** Whether something that had been written is lost, or a request may go without an answer. */
  readonly withFaults: boolean;
  /** Made in the product, too: where two mechanisms stand for each other, one is taken away to see the other one alone. */
  readonly weaken?: readonly Edit[];
  play(scene: Scene): Promise<void>;
}

/** Longer than a command may take (redis.ts), shorter than a silent connection may live. */
const unansweredMs = 1_900;
/** Longer than the lease (cluster.ts), shorter than a query may take. */
const storeAwayMs = 2_500;

export const scenarios: Readonly<Record<ScenarioName, Scenario>> = {
  frozenWorker: {
    what: 'a worker is frozen past its lease and wakes while another one answers',
    workers: 2,
    withFaults: false,
    async play(scene) {
      const run = await scene.ask({ deltas: 80, intervalMs: 50, seed: 1 });
      for (const server of [0, 1]) void scene.read(run, { server });
      const worker = await scene.holder(run);
      await scene.logAt(run, '1-8');
      process.kill(worker.pid, 'SIGSTOP');
      await scene.logAt(run, '2-15');
      process.kill(worker.pid, 'SIGCONT');
    },
  },

  lateEnd: {
    what: 'a worker cannot reach Postgres at the end, is frozen, and wakes while another one answers',
    workers: 2,
    withFaults: false,
    async play(scene) {
      const directive = {
        deltas: 120,
        intervalMs: 40,
        seed: 2,
        fault: 'length',
        atDelta: 12,
        times: 1,
      } as const;
      const run = await scene.ask(directive);
      for (const server of [0, 1]) void scene.read(run, { server });
      const worker = await scene.holder(run);
      await scene.logAt(run, '1-4');
      await worker.postgresLink.blackhole();
      await scene.logAt(run, '1-12');
      // It has all of its answer now, and wants to store it.
      await sleep(200);
      process.kill(worker.pid, 'SIGSTOP');
      await scene.logAt(run, '2-15');
      await worker.postgresLink.pass();
      process.kill(worker.pid, 'SIGCONT');
    },
  },

  lostTail: {
    what: 'Redis loses the newest events of a log, as a failover to a replica that lags does',
    workers: 1,
    withFaults: false,
    async play(scene) {
      const run = await scene.ask({ deltas: 60, intervalMs: 40, seed: 3 });
      for (const server of [0, 1]) void scene.read(run, { server });
      await scene.logAt(run, '1-16');
      await loseTail(scene, run, 6);
      await scene.logAt(run, '1-18');
      void scene.read(run, { server: 1 });
    },
  },

  lostReplies: {
    what: 'the replies of Redis to the worker are late by more than a command may take, then lost with the connection',
    workers: 1,
    withFaults: false,
    async play(scene) {
      const run = await scene.ask({ deltas: 100, intervalMs: 40, seed: 4 });
      for (const server of [0, 1]) void scene.read(run, { server });
      const { redisLink } = await scene.holder(run);
      await scene.logAt(run, '1-8');
      redisLink.pause('reply');
      await sleep(unansweredMs);
      redisLink.resume('reply');
      await sleep(300);
      redisLink.pause('reply');
      await sleep(150);
      redisLink.reset();
      redisLink.resume('reply');
    },
  },

  cutConnections: {
    what: 'connections of readers are cut again and again, and resumed on another server',
    workers: 1,
    withFaults: false,
    async play(scene) {
      const run = await scene.ask({ deltas: 60, intervalMs: 30, seed: 5 });
      for (const seed of [1, 2, 3]) {
        const cut = randomBytes({ seed, min: 500, max: 2_500 });
        const cutAfter = (connection: number) => (connection < 8 ? cut(connection) : null);
        void scene.read(run, { cutAfter, server: seed });
      }
    },
  },

  duplicatePosts: {
    what: 'each message is sent three times at once, to different servers, with the same key',
    workers: 1,
    withFaults: false,
    async play(scene) {
      const conversation = await scene.converse();
      const path = `/api/conversations/${conversation}/messages`;
      await Promise.all(
        [0, 1, 2, 3].flatMap((number) =>
          [0, 1, 2].map((server) =>
            scene.send(
              'POST',
              path,
              { text: question({ deltas: 5, seed: number }) },
              `key-${number}`,
              server,
            ),
          ),
        ),
      );
    },
  },

  emptiedRedis: {
    what: 'Redis loses everything in the middle of an answer, and the worker dies with it',
    workers: 2,
    withFaults: true,
    async play(scene) {
      const run = await scene.ask({ deltas: 60, intervalMs: 30, seed: 7 });
      void scene.read(run);
      const worker = await scene.holder(run);
      await scene.logAt(run, '1-8');
      await worker.kill();
      const { redis, redisPrefix } = scene.cluster;
      const keys = await redis.keys(`*${redisPrefix}:*`);
      if (keys.length > 0) await redis.unlink(...keys);
    },
  },

  deathBeforeStore: {
    what: 'a worker dies at the end of its answer, before it could reach Postgres',
    workers: 2,
    withFaults: false,
    async play(scene) {
      const run = await scene.ask({ deltas: 12, intervalMs: 40, seed: 8 });
      const reader = scene.read(run);
      const worker = await scene.holder(run);
      await scene.logAt(run, '1-4');
      await worker.postgresLink.blackhole();
      await Promise.race([reader, sleep(storeAwayMs)]);
      await scene.look(run);
      await worker.kill();
    },
  },

  lostMessages: {
    what: 'the connections between the API and Redis break again and again while events are published',
    workers: 1,
    withFaults: false,
    async play(scene) {
      const runs = await Promise.all(
        Array.from({ length: 6 }, (_, seed) => scene.ask({ deltas: 700, intervalMs: 4, chars: 4, seed })),
      );
      const links = scene.cluster.apis.map((api) => api.redisLink);
      for (const run of runs) for (const server of [0, 1]) void scene.read(run, { server });
      for (const run of runs) await scene.logAt(run, '1-20');
      for (let round = 0; round < 6; round += 1) {
        for (const link of links) link.reset();
        // What Redis says meanwhile comes in one piece: that it listens again, and what was published right after it.
        for (let held = 0; held < 8; held += 1) {
          for (const link of links) link.pause('reply');
          await sleep(30);
          for (const link of links) link.resume('reply');
          await sleep(5);
        }
      }
    },
  },

  slowListening: {
    what: 'a reader comes, and the run ends before its server listens',
    workers: 1,
    withFaults: false,
    weaken: [
      {
        file: 'apps/api/src/hub/hub.ts',
        search: 'listening: listen(runId, stopped.signal),',
        replace: 'listening: sleep(3_500).then(() => listen(runId, stopped.signal)),',
      },
      {
        // A quiet log that is compared with Redis makes good what was missed.
        file: 'apps/api/src/hub/hub.ts',
        search: 'const quietMs = 1_000;',
        replace: 'const quietMs = 3_600_000;',
      },
    ],
    async play(scene) {
      const run = await scene.ask({ deltas: 20, intervalMs: 40, seed: 10 });
      await scene.logAt(run, '1-3');
      for (const server of [0, 1]) void scene.read(run, { server });
    },
  },
};

/** The log as it was when `seq` was its newest event. */
async function loseTail({ cluster }: Scene, run: KnownRun, seq: number): Promise<void> {
  const { log, meta } = runKeys(cluster.redisPrefix, run.id);
  const script = `
    local kept = redis.call('XRANGE', KEYS[1], '-', ARGV[1])
    redis.call('DEL', KEYS[1])
    for _, entry in ipairs(kept) do redis.call('XADD', KEYS[1], entry[1], unpack(entry[2])) end
    redis.call('HSET', KEYS[2], 'seq', ARGV[2])`;
  await cluster.redis.eval(script, 2, log, meta, `1-${seq}`, seq);
}
