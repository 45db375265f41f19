/** Workers that die or fall silent in the middle of an answer. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import type { Child } from '../../scripts/services/process.ts';
import { ask, follow, question } from '../support/ask.ts';
import {
  allEnd,
  expectOneEnd,
  patience,
  storedRun,
  twoUrls,
  underWay,
  watch,
  workerOf,
} from '../support/inspect.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let bases: readonly [string, string];
let workers: Child[] = [];
beforeAll(async () => {
  // A woken zombie must close its provider connection because it lost the run, and not because the provider is silent.
  stack = await startStack({ apis: 2, workers: 0, env: { UPSTREAM_IDLE_MS: '60000' } });
  bases = twoUrls(stack);
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.kill()));
  workers = [];
});
afterAll(() => stack.stop());

/** The first request is answered up to here and then left open: however busy the machine is, the worker dies in mid-answer. */
const neverEnding = { deltas: 60, intervalMs: 10, fault: 'stall', atDelta: 20, times: 1 } as const;

async function startWorkers(count: number): Promise<void> {
  workers.push(...(await Promise.all(Array.from({ length: count }, () => stack.startWorker()))));
}

it('a worker that dies in mid-answer is replaced by another: one more attempt, one end, every reader with the whole text', async () => {
  await startWorkers(2);
  const directive = { ...neverEnding, seed: 11, key: 'dies' };
  const text = scriptedText(directive).join('');
  const { run } = await ask(bases[0], question(directive));
  const readers = watch(bases, run, text);
  await underWay(readers[0]);
  await (await workerOf(stack, workers, run.id)).kill();

  const records = await allEnd(readers);
  const { stored, log } = await expectOneEnd(stack, run, records);
  expect(stored).toMatchObject({ status: 'completed', attempt: 2, crashes: 1, retries: 0 });
  expect(records[0]?.text).toBe(text);
  // The readers had nothing to do with it: their connections to the API processes stayed.
  expect(records.map((record) => record.connections.length)).toEqual([1, 1]);
  const snapshotAt = log.findIndex((entry) => entry.id === '2-0');
  expect(log[snapshotAt]).toMatchObject({ type: 'snapshot', data: { text: '' } });
  expect(log.slice(snapshotAt).every((entry) => entry.attempt === 2)).toBe(true);
});

it('when the only worker dies, the run waits and is answered by the next one that starts', async () => {
  await startWorkers(1);
  const directive = { ...neverEnding, seed: 12, key: 'dies alone' };
  const text = scriptedText(directive).join('');
  const { run } = await ask(bases[0], question(directive));
  const readers = watch(bases, run, text);
  await underWay(readers[0]);
  await (await workerOf(stack, workers, run.id)).kill();
  await startWorkers(1);

  const records = await allEnd(readers);
  const { stored } = await expectOneEnd(stack, run, records);
  expect(stored).toMatchObject({ status: 'completed', attempt: 2, crashes: 1 });
  expect(records[0]?.text).toBe(text);
});

it('a worker that was frozen past its lease writes nothing and ends nothing when it wakes, and hangs up on the provider', async () => {
  await startWorkers(1);
  // The first requests stay open until the worker closes them; the second ones are answered whole. One goes on sending
  // while the worker is frozen, so that it wakes up with text in its hands; the other one is silent, so that nothing
  // but the lease can tell the worker.
  const stalled = { deltas: 60, intervalMs: 20, fault: 'stall', times: 1 } as const;
  const directives = [
    { ...stalled, seed: 13, atDelta: 40, key: 'talking zombie' },
    { ...stalled, seed: 16, atDelta: 9, key: 'silent zombie' },
  ];
  const asked = await Promise.all(
    directives.map(async (directive) => {
      const text = scriptedText(directive).join('');
      const { run } = await ask(bases[0], question(directive));
      return { run, text, readers: watch(bases, run, text), key: directive.key };
    }),
  );
  await Promise.all(asked.map(({ readers }) => underWay(readers[0])));
  const [zombie] = workers;
  if (!zombie) throw new Error('a worker was started');
  await startWorkers(1);
  process.kill(zombie.pid, 'SIGSTOP');
  for (const { run } of asked) {
    await expect.poll(async () => (await storedRun(stack, run.id)).attempt, patience).toBe(2);
  }
  const wokenAt = Date.now();
  process.kill(zombie.pid, 'SIGCONT');

  for (const { run, text, readers, key } of asked) {
    const requests = () => stack.upstream.journal().filter((entry) => entry.key === key);
    await expect.poll(() => requests()[0]?.outcome, patience).toBe('client-closed');
    expect((requests()[0]?.closedAtMs ?? Infinity) - wokenAt).toBeLessThan(5_000);
    const { stored } = await expectOneEnd(stack, run, await allEnd(readers));
    expect(stored).toMatchObject({ status: 'completed', attempt: 2 });
    expect(stored.worker_id).not.toContain(`:${zombie.pid}`);
    expect(readers[0].record.text).toBe(text);
    expect(requests()).toHaveLength(2);
  }
});

it('a worker that was frozen alone takes up its own run once, without a cascade of attempts', async () => {
  await startWorkers(1);
  const directive = { deltas: 200, intervalMs: 30, seed: 14, key: 'alone' };
  const text = scriptedText(directive).join('');
  const { run } = await ask(bases[0], question(directive));
  const readers = watch(bases, run, text);
  await underWay(readers[0]);
  const worker = await workerOf(stack, workers, run.id);
  process.kill(worker.pid, 'SIGSTOP');
  await expect
    .poll(async () => {
      const { rows } = await stack.db.query(
        "select lease_until < now() - interval '1 second' as over from runs where id = $1",
        [run.id],
      );
      return rows[0].over as boolean;
    }, patience)
    .toBe(true);
  process.kill(worker.pid, 'SIGCONT');

  const records = await allEnd(readers);
  const { stored } = await expectOneEnd(stack, run, records);
  expect(stored.status).toBe('completed');
  expect(stored.attempt).toBeLessThanOrEqual(2);
  expect(stack.upstream.journal().filter((entry) => entry.key === 'alone').length).toBeLessThanOrEqual(2);
  expect(records[0]?.text).toBe(text);
});

it('a run that kills three workers fails with what it has; the runs of others are answered meanwhile', async () => {
  await startWorkers(2);
  const directive = { deltas: 4_000, intervalMs: 20, seed: 15 };
  const { run } = await ask(bases[0], question(directive));
  const readers = watch(bases, run, scriptedText(directive).join(''));
  for (let attempt = 1; attempt <= 3; attempt += 1) {
    await expect
      .poll(() => readers[0].record.ids.filter((id) => id.startsWith(`${attempt}-`)).length, patience)
      .toBeGreaterThan(5);
    const holder = await workerOf(stack, workers, run.id);
    await holder.kill();
    workers = workers.filter((worker) => worker !== holder);
    const [other] = await Promise.all([
      ask(bases[1], question({ deltas: 5, seed: attempt })),
      startWorkers(1),
    ]);
    const answered = await follow(bases, other.run);
    expect(answered).toMatchObject({ violations: [], terminal: { type: 'completed' } });
  }

  const records = await allEnd(readers);
  const { stored, message } = await expectOneEnd(stack, run, records);
  expect(stored).toMatchObject({ status: 'failed', attempt: 4, crashes: 3, failure_code: 'worker_crashed' });
  expect(records[0]?.terminal?.data).toMatchObject({
    code: 'worker_crashed',
    message: expect.stringMatching(/\w+ .*\.$/),
  });
  expect(message.text.length).toBeGreaterThan(0);
  expect(message.failure?.code).toBe('worker_crashed');
  expect(message.usage).toMatchObject({ estimated: true });
});
