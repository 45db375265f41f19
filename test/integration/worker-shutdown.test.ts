/** Workers that are told to end: a deployment must cost nobody an answer. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import type { Child } from '../../scripts/services/process.ts';
import { ask, question } from '../support/ask.ts';
import { type ChaosProxy, startChaosProxy } from '../support/chaos-proxy.ts';
import { allEnd, expectOneEnd, patience, storedRun, twoUrls, underWay, watch } from '../support/inspect.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let bases: readonly [string, string];
let workers: Child[] = [];
let network: ChaosProxy;

beforeAll(async () => {
  stack = await startStack({ apis: 2, workers: 0, env: { UPSTREAM_IDLE_MS: '60000' } });
  bases = twoUrls(stack);
  const redis = new URL(stack.env['REDIS_URL'] ?? '');
  network = await startChaosProxy({ target: { host: redis.hostname, port: Number(redis.port) } });
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.kill()));
  workers = [];
});
afterAll(async () => {
  await stack.stop();
  await network.stop();
});

async function startWorker(env: Record<string, string> = {}): Promise<Child> {
  const worker = await stack.startWorker(env);
  workers.push(worker);
  return worker;
}

/**
 * The first request is answered up to here and then left open, so that the run has to be handed back. A busy worker may put
 * what comes within a moment into few events.
 */
const neverEnding = { deltas: 60, intervalMs: 10, fault: 'stall', atDelta: 20, times: 1 } as const;

const eventsMin = 3;

const endCleanly = { code: 0, signal: null };

it('a worker that is told to end brings its short answers to their end, takes no new ones and exits with 0', async () => {
  const leaving = await startWorker({ WORKER_DRAIN_MS: '20000' });
  const directive = { deltas: 60, intervalMs: 25, seed: 61 };
  const { run } = await ask(bases[0], question(directive));
  const readers = watch(bases, run, scriptedText(directive).join(''));
  await underWay(readers[0]);
  process.kill(leaving.pid, 'SIGTERM');
  await expect.poll(() => leaving.lastLines(50).join('\n'), patience).toContain('shuts down');
  const later = await ask(bases[1], question({ deltas: 5, seed: 62 }));

  const { stored } = await expectOneEnd(stack, run, await allEnd(readers));
  expect(stored).toMatchObject({ status: 'completed', attempt: 1, crashes: 0 });
  expect(await leaving.exited).toEqual(endCleanly);
  expect(await storedRun(stack, later.run.id)).toMatchObject({ status: 'queued', attempt: 0 });
  await startWorker();
  await expectOneEnd(stack, later.run, await allEnd(watch(bases, later.run)));
});

it('at the end of the drain time it hands back what is left: another worker answers it, and nothing counts as a fault', async () => {
  const leaving = await startWorker({ WORKER_DRAIN_MS: '200' });
  const directive = { ...neverEnding, seed: 63, key: 'handed-back' };
  const { run } = await ask(bases[0], question(directive));
  const readers = watch(bases, run, scriptedText(directive).join(''));
  await underWay(readers[0], eventsMin);
  await startWorker();
  process.kill(leaving.pid, 'SIGTERM');
  expect(await leaving.exited).toEqual(endCleanly);

  const { stored } = await expectOneEnd(stack, run, await allEnd(readers));
  expect(stored).toMatchObject({ status: 'completed', attempt: 2, crashes: 0, retries: 0 });
  const requests = stack.upstream.journal().filter((entry) => entry.key === 'handed-back');
  expect(requests.map((entry) => entry.outcome)).toEqual(['client-closed', 'finished']);
});

it('a second SIGTERM skips the waiting', async () => {
  const leaving = await startWorker({ WORKER_DRAIN_MS: '600000' });
  const directive = { ...neverEnding, seed: 64, key: 'hurried' };
  const { run } = await ask(bases[0], question(directive));
  const readers = watch(bases, run, scriptedText(directive).join(''));
  await underWay(readers[0], eventsMin);
  await startWorker();
  process.kill(leaving.pid, 'SIGTERM');
  await expect.poll(() => leaving.lastLines(50).join('\n'), patience).toContain('shuts down');
  process.kill(leaving.pid, 'SIGTERM');
  expect(await leaving.exited).toEqual(endCleanly);

  const { stored } = await expectOneEnd(stack, run, await allEnd(readers));
  expect(stored).toMatchObject({ status: 'completed', attempt: 2, crashes: 0, retries: 0 });
});

it('it ends in time although Redis is away, and its run is still handed back', async () => {
  const leaving = await startWorker({ WORKER_DRAIN_MS: '200', REDIS_URL: network.url('redis') });
  const directive = { ...neverEnding, seed: 65, key: 'without-redis' };
  const { run } = await ask(bases[0], question(directive));
  const readers = watch(bases, run, scriptedText(directive).join(''));
  await underWay(readers[0], eventsMin);
  await network.refuse();
  network.reset();
  process.kill(leaving.pid, 'SIGTERM');
  expect(await leaving.exited).toEqual(endCleanly);
  expect(await storedRun(stack, run.id)).toMatchObject({ status: 'queued', attempt: 1 });
  await network.pass();

  await startWorker();
  const { stored } = await expectOneEnd(stack, run, await allEnd(readers));
  expect(stored).toMatchObject({ status: 'completed', attempt: 2, crashes: 0, retries: 0 });
});

it('all workers are replaced one after the other, twice, under twenty readers: no reader sees a fault', async () => {
  const env = { WORKER_DRAIN_MS: '200' };
  await Promise.all([startWorker(env), startWorker(env)]);
  const asked = await Promise.all(
    [0, 1, 2, 3, 4].map(async (seed) => {
      const directive = { deltas: 120, intervalMs: 30, seed };
      const { run } = await ask(bases[seed % 2] ?? bases[0], question(directive));
      return { run, readers: watch([...bases, ...bases], run, scriptedText(directive).join('')) };
    }),
  );
  await Promise.all(asked.map(({ readers }) => underWay(readers[0])));
  for (let round = 0; round < 4; round += 1) {
    const leaving = workers[round];
    if (!leaving) throw new Error('there is always one more');
    await startWorker(env);
    process.kill(leaving.pid, 'SIGTERM');
    expect(await leaving.exited).toEqual(endCleanly);
  }

  for (const { run, readers } of asked) {
    const { stored } = await expectOneEnd(stack, run, await allEnd(readers));
    expect(stored).toMatchObject({ status: 'completed', crashes: 0, retries: 0 });
  }
});

it('a worker that is told to end while it takes up runs keeps none of them', async () => {
  // All runs are long: one whose claim was under way at the deadline would hold the process for its whole length.
  const asked = await Promise.all(
    Array.from({ length: 20 }, (_, seed) =>
      ask(bases[seed % 2] ?? bases[0], question({ deltas: 4_000, intervalMs: 25, seed })),
    ),
  );
  const leaving = await startWorker({ WORKER_DRAIN_MS: '0' });
  await expect
    .poll(async () => (await stack.db.query("select 1 from runs where status = 'running'")).rows.length, {
      ...patience,
      interval: 1,
    })
    .toBeGreaterThan(0);
  process.kill(leaving.pid, 'SIGTERM');
  expect(await leaving.exited).toEqual(endCleanly);
  const { rows } = await stack.db.query(
    "select distinct status, crashes from runs where status in ('queued', 'running')",
  );
  expect(rows).toEqual([{ status: 'queued', crashes: 0 }]);
  const closed = () => stack.upstream.journal().filter((entry) => entry.outcome === 'streaming').length;
  await expect.poll(closed, patience).toBe(0);
  await stack.db.query("update runs set cancel_requested_at = now() where status = 'queued'");
  await startWorker();
  await Promise.all(asked.map(async ({ run }) => expectOneEnd(stack, run)));
});
