import { compareEventIds, type EventId } from '@holdfast/shared/protocol/event-id.ts';
import { expect, it } from 'vitest';
import {
  type Bench,
  completed,
  createBench,
  ended,
  passQuietTime,
  runId,
  settle,
  started,
} from './hub-bench.ts';

/** A log that has ended, and of which one entry is gone: nothing that Holdfast does brings it about. */
async function createDamaged(missing: EventId): Promise<Bench> {
  const bench = createBench();
  const { memory } = bench;
  await memory.open(runId, 1, started);
  await bench.write(1, 1, 2);
  await memory.append(runId, 1, 3, [completed]);
  const { read } = memory;
  memory.read = async (...args) => {
    const page = await read(...args);
    // As far as a real Redis: whoever reads in circles must leave the test its turn.
    await new Promise((resolve) => setImmediate(resolve));
    return { ...page, events: page.events.filter(({ id }) => compareEventIds(id, missing) !== 0) };
  };
  return bench;
}

it('a log that not even a snapshot of it gets further in is not read in circles, and the end comes from the database', async () => {
  const bench = await createDamaged({ attempt: 1, seq: 2 });
  const reader = bench.read();
  await settle();
  expect(reader.ids).toEqual(['started 1-0', 'delta 1-1']);
  expect(bench.calls.length).toBeLessThan(6);
  bench.ends.set(runId, ended(1, 3));
  await passQuietTime();
  expect(reader.ids).toEqual(['started 1-0', 'delta 1-1', 'snapshot 1-2', 'completed 1-3']);
  expect(reader.ended).toBe(true);
});
