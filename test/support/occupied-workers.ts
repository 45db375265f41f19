/** Workers whose places are all taken, so that what is asked next has to wait. */
import { expect } from 'vitest';
import { ask, call, getRun, question } from './ask.ts';
import { patience, storedEnd } from './inspect.ts';
import type { Stack } from './stack.ts';

const endless = question({ deltas: 5_000, intervalMs: 50 });

/** Fills `places`. Returns what frees them. */
export async function occupyWorkers(
  stack: Stack,
  base: string,
  places: number,
): Promise<{ readonly runIds: string[]; free(): Promise<void> }> {
  const runIds: string[] = [];
  for (let n = 0; n < places; n += 1) runIds.push((await ask(base, endless)).run.id);
  for (const id of runIds)
    await expect.poll(async () => (await getRun(base, id)).status, patience).toBe('running');
  return {
    runIds,
    async free() {
      for (const id of runIds) await call(base, 'POST', `/api/runs/${id}/cancel`);
      for (const id of runIds) await storedEnd(stack, id);
    },
  };
}
