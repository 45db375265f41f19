/** Each attempt at a run is settled, however it ends. */
import { runKeys } from '@holdfast/shared/run-log/keys.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Child } from '../../scripts/services/process.ts';
import { ask, call, getRun, question } from '../support/ask.ts';
import { attemptsOf } from '../support/attempts.ts';
import { firstUrl, patience, storedEnd, underWay, watch, workerOf } from '../support/inspect.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let base: string;
let workers: Child[] = [];
beforeAll(async () => {
  // A dead worker's run is to wait for the worker that the test starts; nothing may fall silent before.
  stack = await startStack({ workers: 0, env: { UPSTREAM_IDLE_MS: '60000', UPSTREAM_RETRIES: '1' } });
  base = firstUrl(stack);
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.kill()));
  workers = [];
});
afterAll(() => stack.stop());

async function startWorker(env: Record<string, string> = {}): Promise<Child> {
  const worker = await stack.startWorker(env);
  workers.push(worker);
  return worker;
}

const some = expect.toSatisfy((n: number) => n > 0, 'more than none');
const nothing = { input: 0, output: 0, estimated: false };
const estimate = { input: some, output: some, estimated: true };

/** Writes so much and then nothing more, the first time it is asked. */
const stalls = { deltas: 60, intervalMs: 5, fault: 'stall', atDelta: 20, times: 1 } as const;

/** Asks, and waits until the answer is under way. */
async function askUnderWay(directive: object) {
  const { run } = await ask(base, question(directive));
  const [reader] = watch([base], run);
  // On a busy machine all that is written before the stall comes in two pieces.
  await underWay(reader, 2);
  return run;
}

describe('an attempt', () => {
  it("that is completed costs what the provider's figure says", async () => {
    await startWorker();
    const { run } = await ask(base, question({ deltas: 7 }));
    await storedEnd(stack, run.id);
    expect(await attemptsOf(stack, run.id)).toEqual([
      { outcome: 'completed', input: some, output: 7, estimated: false },
    ]);
    const [attempt] = await attemptsOf(stack, run.id);
    expect((await getRun(base, run.id)).usage).toEqual({
      inputTokens: attempt?.input,
      outputTokens: 7,
      estimated: false,
    });
  });

  it('that is completed without a figure is estimated', async () => {
    await startWorker();
    const { run } = await ask(base, question({ deltas: 7, noUsage: true }));
    await storedEnd(stack, run.id);
    expect(await attemptsOf(stack, run.id)).toEqual([{ outcome: 'completed', ...estimate }]);
  });

  it('that is stopped in mid-answer costs its prompt and what was written', async () => {
    await startWorker();
    const run = await askUnderWay(stalls);
    await call(base, 'POST', `/api/runs/${run.id}/cancel`);
    await storedEnd(stack, run.id);
    expect(await attemptsOf(stack, run.id)).toEqual([{ outcome: 'cancelled', ...estimate }]);
  });

  it('that the provider broke off costs what was written, and so does each of its retries', async () => {
    await startWorker();
    const { run } = await ask(base, question({ deltas: 10, fault: 'cut', atDelta: 6 }));
    const stored = await storedEnd(stack, run.id);
    expect(stored).toMatchObject({ status: 'failed', failure_code: 'upstream_interrupted', attempt: 2 });
    expect(await attemptsOf(stack, run.id)).toEqual([
      { outcome: 'handed_back', ...estimate },
      { outcome: 'failed', ...estimate },
    ]);
  });

  it('that the provider broke off and a retry completed are both counted, each as what it was', async () => {
    await startWorker();
    const { run } = await ask(
      base,
      question({ deltas: 10, fault: 'cut', atDelta: 6, times: 1, key: 'once cut' }),
    );
    await storedEnd(stack, run.id);
    expect(await attemptsOf(stack, run.id)).toEqual([
      { outcome: 'handed_back', ...estimate },
      { outcome: 'completed', input: some, output: 10, estimated: false },
    ]);
  });

  it('that the provider refused before its first word costs nothing', async () => {
    await startWorker();
    const { run } = await ask(base, question({ status: 400 }));
    await storedEnd(stack, run.id);
    expect(await attemptsOf(stack, run.id)).toEqual([{ outcome: 'failed', ...nothing }]);
  });

  it('that never began costs nothing: a run that is cancelled while it waits', async () => {
    const { run } = await ask(base, question({ deltas: 1 }));
    await call(base, 'POST', `/api/runs/${run.id}/cancel`);
    expect((await storedEnd(stack, run.id)).status).toBe('cancelled');
    expect(await attemptsOf(stack, run.id)).toEqual([]);
  });

  it('that was handed back by a worker that shuts down costs what was written', async () => {
    const leaving = await startWorker({ WORKER_DRAIN_MS: '0' });
    const run = await askUnderWay({ ...stalls, key: 'handed back' });
    await leaving.stop();
    expect(await attemptsOf(stack, run.id)).toEqual([{ outcome: 'handed_back', ...estimate }]);
    await startWorker();
    await storedEnd(stack, run.id);
    expect(await attemptsOf(stack, run.id)).toEqual([
      { outcome: 'handed_back', ...estimate },
      { outcome: 'completed', input: some, output: 60, estimated: false },
    ]);
  });

  it('whose worker was killed in mid-answer costs its prompt and what stood in the log', async () => {
    const victim = await startWorker();
    const run = await askUnderWay({ ...stalls, key: 'killed' });
    await victim.kill();
    expect(await attemptsOf(stack, run.id)).toEqual([{ outcome: null, ...nothing }]);
    await startWorker();
    await storedEnd(stack, run.id);
    expect(await attemptsOf(stack, run.id)).toEqual([
      { outcome: 'lost', ...estimate },
      { outcome: 'completed', input: some, output: 60, estimated: false },
    ]);
  });

  it('whose worker was killed is counted also when the run is stopped and nobody answers it again', async () => {
    const victim = await startWorker();
    const run = await askUnderWay({ ...stalls, key: 'killed and stopped' });
    await victim.kill();
    await call(base, 'POST', `/api/runs/${run.id}/cancel`);
    await startWorker();
    expect((await storedEnd(stack, run.id)).status).toBe('cancelled');
    const [lost, end] = await attemptsOf(stack, run.id);
    expect([lost, end]).toEqual([
      { outcome: 'lost', ...estimate },
      { outcome: 'cancelled', ...nothing },
    ]);
    // The run is said to have cost what its text did.
    expect((await getRun(base, run.id)).usage).toEqual({
      inputTokens: lost?.input,
      outputTokens: lost?.output,
      estimated: true,
    });
  });

  it('is counted for each of the three workers that died of a run', async () => {
    const directive = { ...stalls, times: 9, key: 'deadly' };
    const first = await startWorker();
    const run = await askUnderWay(directive);
    await first.kill();
    for (const attempt of [2, 3]) {
      await startWorker();
      await expect
        .poll(async () => {
          const { meta } = runKeys(stack.redisPrefix, run.id);
          const [opened, seq] = await stack.redis.hmget(meta, 'attempt', 'seq');
          return [Number(opened), Number(seq) > 0];
        }, patience)
        .toEqual([attempt, true]);
      await (await workerOf(stack, workers, run.id)).kill();
    }
    await startWorker();
    expect((await storedEnd(stack, run.id)).failure_code).toBe('worker_crashed');
    expect(await attemptsOf(stack, run.id)).toEqual([
      ...Array.from({ length: 3 }, () => ({ outcome: 'lost', ...estimate })),
      { outcome: 'failed', ...nothing },
    ]);
  });

  it('that died and was not settled by the worker that came next is settled by the one after it, before the run is stopped', async () => {
    const victim = await startWorker();
    const run = await askUnderWay({ ...stalls, key: 'twice unlucky' });
    await victim.kill();
    // What a worker leaves behind that shuts down while Redis is away.
    await stack.db.query(
      `update runs set attempt = 2, crashes = 1, status = 'queued', lease_until = null, worker_id = null,
         rung_at = now() + interval '1 hour' where id = $1`,
      [run.id],
    );
    await stack.db.query(`update run_attempts set outcome = 'lost', ended_at = now() where run_id = $1`, [
      run.id,
    ]);
    await call(base, 'POST', `/api/runs/${run.id}/cancel`);
    expect((await getRun(base, run.id)).status).toBe('queued');
    await stack.db.query(`update runs set rung_at = now() - interval '1 hour' where id = $1`, [run.id]);
    await startWorker();
    expect((await storedEnd(stack, run.id)).status).toBe('cancelled');
    expect(await attemptsOf(stack, run.id)).toEqual([
      { outcome: 'lost', ...estimate },
      { outcome: 'cancelled', ...nothing },
    ]);
  });

  it('whose worker was killed and whose log was lost costs its prompt', async () => {
    const victim = await startWorker();
    const run = await askUnderWay({ ...stalls, key: 'log lost' });
    await victim.kill();
    const keys = runKeys(stack.redisPrefix, run.id);
    await stack.redis.del(keys.log, keys.meta);
    await startWorker();
    await storedEnd(stack, run.id);
    expect(await attemptsOf(stack, run.id)).toEqual([
      { outcome: 'lost', input: some, output: 0, estimated: true },
      { outcome: 'completed', input: some, output: 60, estimated: false },
    ]);
  });
});
