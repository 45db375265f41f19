/** The sweepers find what nobody holds; they must not multiply what merely waits. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask, question } from '../support/ask.ts';
import { expectOneEnd, firstUrl, patience } from '../support/inspect.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { openStore, pretendWorker } from '../support/waiting-line.ts';

const runCount = 100;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ workers: 0 });
});
afterAll(() => stack.stop());

it('a hundred runs that had to wait for workers, longer than the sweepers do, are answered exactly once each', async () => {
  const base = firstUrl(stack);
  // They are given to workers that have said that they live, and do not: only the sweepers know what to do.
  const store = openStore(stack, 1);
  await pretendWorker(store, runCount);
  await store.destroy();
  const asked = [];
  for (let at = 0; at < runCount; at += 10) {
    const ten = Array.from({ length: 10 }, (_, index) =>
      ask(base, question({ deltas: 8, intervalMs: 50, seed: at + index, key: `waiting-${at + index}` })),
    );
    asked.push(...(await Promise.all(ten)));
  }
  // Long enough for the sweepers to take every one of them for forgotten as soon as they start.
  const overdue = `select count(*)::int as runs from runs where status = 'queued' and dispatched_at is not null and rung_at < now() - interval '3.5 seconds'`;
  await expect
    .poll(async () => (await stack.db.query(overdue)).rows[0].runs as number, patience)
    .toBe(runCount);
  // Few at a time, so that the rest goes on waiting while the sweepers run.
  const workers = await Promise.all([0, 1].map(() => stack.startWorker({ WORKER_CONCURRENCY: '6' })));

  await Promise.all(asked.map(({ run }) => expectOneEnd(stack, run)));
  const { rows } = await stack.db.query('select distinct status, attempt, crashes, retries from runs');
  expect(rows).toEqual([{ status: 'completed', attempt: 1, crashes: 0, retries: 0 }]);
  const keys = stack.upstream.journal().map((entry) => entry.key);
  expect(new Set(keys)).toEqual(new Set(asked.map((_, index) => `waiting-${index}`)));
  expect(keys).toHaveLength(runCount);
  const swept = workers.filter((worker) =>
    worker.lastLines(500).some((line) => line.includes('rang for runs')),
  );
  expect(swept.length, 'the sweepers did ring').toBeGreaterThan(0);
});
