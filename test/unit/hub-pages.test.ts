import type { LogPage } from '@holdfast/shared/run-log/run-log.ts';
import { expect, it } from 'vitest';
import { createBench, runId, settle, started } from './hub-bench.ts';

/** Watches how many events are asked for at a time. */
function watchLimits(memory: ReturnType<typeof createBench>['memory']): number[] {
  const limits: number[] = [];
  const { read } = memory;
  memory.read = (id, cursor, limit): Promise<LogPage> => {
    limits.push(limit);
    return read(id, cursor, limit);
  };
  return limits;
}

it('a reader that takes much at first and then little reads on in smaller pages, to the end of the log', async () => {
  const bench = createBench();
  const limits = watchLimits(bench.memory);
  await bench.memory.open(runId, 1, started);
  await bench.write(1, 1, 3_000);
  const reader = bench.read({ kind: 'start' }, 1_500);
  await settle();
  expect(Math.max(...limits)).toBeGreaterThan(500);
  reader.capacity = 10;
  for (let taken = 0; taken !== reader.events.length; ) {
    taken = reader.events.length;
    await reader.take();
  }
  // Redis refuses to read a part of an event; the reader would wait for the end of the run.
  expect(limits.filter((limit) => !Number.isInteger(limit))).toEqual([]);
  expect(reader.ids.at(-1)).toBe('delta 1-3000');
});

it('pages of large events are small, whatever their reader takes', async () => {
  const bench = createBench();
  const limits = watchLimits(bench.memory);
  await bench.memory.open(runId, 1, started);
  const large = { type: 'delta', json: JSON.stringify({ text: 'x'.repeat(8_000) }) } as const;
  for (let seq = 1; seq <= 400; seq += 1) await bench.memory.append(runId, 1, seq, [large]);
  const reader = bench.read();
  await settle();
  expect(reader.ids.at(-1)).toBe('delta 1-400');
  expect(Math.max(...limits)).toBeLessThanOrEqual(32);
});
