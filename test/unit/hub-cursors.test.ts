import type { LoggedEvent } from '@holdfast/shared/protocol/run-event.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Cursor } from '../../apps/api/src/hub/reader.ts';
import {
  type Bench,
  behind,
  completed,
  createBench,
  emptied,
  ended,
  runId,
  settle,
  started,
  textTo,
} from './hub-bench.ts';

const snapshotOf = (seq: number): LoggedEvent => ({
  id: { attempt: 1, seq },
  type: 'snapshot',
  json: JSON.stringify({ text: textTo(seq) }),
});

describe('a cursor', () => {
  let bench: Bench;

  beforeEach(async () => {
    bench = createBench();
    await bench.memory.open(runId, 1, started);
    await bench.write(1, 1, 3);
  });

  it.each<[string, Cursor, string[]]>([
    ['none: everything', { kind: 'start' }, ['started 1-0', 'delta 1-1', 'delta 1-2', 'delta 1-3']],
    ['the opening: everything after it', behind(1, 0), ['delta 1-1', 'delta 1-2', 'delta 1-3']],
    ['an event: everything after it', behind(1, 2), ['delta 1-3']],
    ['the newest event: nothing until more comes', behind(1, 3), []],
  ])('%s', async (_name, cursor, ids) => {
    const reader = bench.read(cursor);
    await settle();
    expect(reader.ids).toEqual(ids);
    await bench.write(1, 4, 4);
    await settle();
    expect(reader.ids).toEqual([...ids, 'delta 1-4']);
  });

  it.each<[string, Cursor]>([
    ['that cannot be read', { kind: 'unknown' }],
    ['from the future', behind(1, 9)],
    ['of an attempt that never was', behind(7, 0)],
    ['with the greatest numbers', behind(999_999_999, 999_999_999)],
  ])('%s: one snapshot with the whole text, then live', async (_name, cursor) => {
    const reader = bench.read(cursor);
    await settle();
    expect(reader.events).toEqual([snapshotOf(3)]);
    await bench.write(1, 4, 4);
    expect(reader.ids).toEqual(['snapshot 1-3', 'delta 1-4']);
  });

  it('from the future, while nothing is written yet: a snapshot as soon as something is', async () => {
    bench.memory.lose(runId);
    const reader = bench.read(behind(1, 9));
    await settle();
    expect(reader.ids).toEqual([]);
    await bench.memory.open(runId, 1, started);
    await settle();
    expect(reader.events).toEqual([snapshotOf(0)]);
    await bench.write(1, 1, 1);
    expect(reader.ids).toEqual(['snapshot 1-0', 'delta 1-1']);
  });

  it('that cannot be read, while nothing is written yet: the opening', async () => {
    bench.memory.lose(runId);
    const reader = bench.read({ kind: 'unknown' });
    await settle();
    await bench.memory.open(runId, 1, started);
    await bench.write(1, 1, 1);
    await settle();
    expect(reader.ids).toEqual(['started 1-0', 'delta 1-1']);
  });

  it('whose log was lost and is written again up to an earlier place: one snapshot', async () => {
    bench.memory.truncate(runId, 1);
    const reader = bench.read(behind(1, 3));
    await settle();
    expect(reader.events).toEqual([snapshotOf(1)]);
    await bench.write(1, 2, 4);
    await settle();
    expect(reader.ids).toEqual(['snapshot 1-1', 'delta 1-2', 'delta 1-3', 'delta 1-4']);
  });

  it('of an earlier attempt: the opening of the current one, which clears the text', async () => {
    await bench.memory.open(runId, 2, emptied);
    await bench.write(2, 1, 1);
    const reader = bench.read(behind(1, 2));
    await settle();
    expect(reader.ids).toEqual(['snapshot 2-0', 'delta 2-1']);
  });

  it('that the beginning of the log no longer reaches: one snapshot, never a silent gap', async () => {
    const { read } = bench.memory;
    bench.memory.read = async (id, cursor, limit) => {
      const page = await read(id, cursor, limit);
      // The snapshot is read from the beginning; only the reader's own cursor meets the hole.
      return cursor ? { ...page, events: page.events.slice(1) } : page;
    };
    const reader = bench.read(behind(1, 1));
    await settle();
    expect(reader.events[0]).toEqual(snapshotOf(3));
  });

  it('of whatever kind, when the answer is whole: what is missing, and the end', async () => {
    await bench.memory.append(runId, 1, 4, [completed]);
    const whole = ['started 1-0', 'delta 1-1', 'delta 1-2', 'delta 1-3', 'completed 1-4'];
    const expected: [Cursor, string[]][] = [
      [{ kind: 'start' }, whole],
      [behind(1, 1), whole.slice(2)],
      [{ kind: 'unknown' }, ['snapshot 1-3', 'completed 1-4']],
      [behind(2, 0), ['snapshot 1-3', 'completed 1-4']],
    ];
    for (const [cursor, ids] of expected) {
      const reader = bench.read(cursor);
      await settle();
      expect(reader.ids).toEqual(ids);
      expect(reader.ended).toBe(true);
    }
  });

  it('of whatever kind, when the log is gone and the run has ended: the text and the end from the store', async () => {
    bench.memory.lose(runId);
    bench.ends.set(runId, ended(1, 4));
    const cursors: Cursor[] = [{ kind: 'start' }, { kind: 'unknown' }, behind(1, 2), behind(9, 9)];
    const readers = cursors.map((cursor) => bench.read(cursor));
    await settle();
    for (const reader of readers) {
      expect(reader.ids).toEqual(['snapshot 1-3', 'completed 1-4']);
      expect(reader.events[0]).toEqual(snapshotOf(3));
      expect(reader.ended).toBe(true);
    }
    const whole = bench.read(behind(1, 3));
    await settle();
    expect(whole.ids).toEqual(['completed 1-4']);
  });
});
