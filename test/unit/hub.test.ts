import type { EventId } from '@holdfast/shared/protocol/event-id.ts';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { createGate } from '../../apps/api/src/hub/gate.ts';
import {
  type Bench,
  completed,
  createBench,
  deltas,
  ended,
  passQuietTime,
  runId,
  settle,
  started,
} from './hub-bench.ts';

let bench: Bench;
beforeEach(() => {
  bench = createBench();
});

/** Holds every call with this name back, after it has done its work, until the returned function is called. */
function hold(name: string): () => void {
  const { promise: until, resolve } = Promise.withResolvers<void>();
  bench.held = { name, until };
  return () => {
    bench.held = null;
    resolve();
  };
}

describe('a reader', () => {
  it('is heard for before its history is read', async () => {
    const release = hold('listen');
    bench.read();
    await settle();
    expect(bench.calls).toEqual(['listen']);
    release();
    await settle();
    expect(bench.calls).toEqual(['listen', 'read']);
  });

  it('gets what is appended while its history is read, once and without waiting', async () => {
    await bench.memory.open(runId, 1, started);
    await bench.write(1, 1, 2);
    const release = hold('read');
    const reader = bench.read();
    await settle();
    await bench.write(1, 3, 4);
    release();
    await settle();
    expect(reader.ids).toEqual(['started 1-0', 'delta 1-1', 'delta 1-2', 'delta 1-3', 'delta 1-4']);
    expect(bench.calls).toEqual(['listen', 'read']);
  });

  it('gets what is appended while its history is read, also when it is more than is kept for it', async () => {
    for (const count of [256, 257, 300]) {
      bench.memory.lose(runId);
      await bench.memory.open(runId, 1, started);
      const release = hold('read');
      const reader = bench.read();
      await settle();
      for (let seq = 1; seq <= count; seq++) await bench.write(1, seq, seq);
      release();
      await settle();
      expect(reader.events).toHaveLength(1 + count);
      reader.subscription.close();
    }
  });

  it('gets an event that the feed lost as soon as the next one comes', async () => {
    await bench.memory.open(runId, 1, started);
    const reader = bench.read();
    await settle();
    bench.dropsEvents = true;
    await bench.write(1, 1, 2);
    bench.dropsEvents = false;
    await bench.write(1, 3, 3);
    await settle();
    expect(reader.ids).toEqual(['started 1-0', 'delta 1-1', 'delta 1-2', 'delta 1-3']);
  });

  it('gets what the feed lost as soon as the feed says so', async () => {
    await bench.memory.open(runId, 1, started);
    const reader = bench.read();
    await settle();
    bench.dropsEvents = true;
    await bench.write(1, 1, 2);
    bench.interrupt();
    await settle();
    expect(reader.ids).toEqual(['started 1-0', 'delta 1-1', 'delta 1-2']);
  });

  it('gets an end that the feed lost when the log has been quiet for a while', async () => {
    await bench.memory.open(runId, 1, started);
    const reader = bench.read();
    await settle();
    bench.dropsEvents = true;
    await bench.memory.append(runId, 1, 1, [completed]);
    await settle();
    expect(reader.ids).toEqual(['started 1-0']);
    await passQuietTime();
    expect(reader.ids).toEqual(['started 1-0', 'completed 1-1']);
    expect(reader.ended).toBe(true);
  });

  it('that has more than the log, which lost its tail, waits for that tail and gets nothing twice', async () => {
    await bench.memory.open(runId, 1, started);
    await bench.write(1, 1, 3);
    const reader = bench.read();
    await settle();
    bench.memory.truncate(runId, 1);
    bench.interrupt();
    await passQuietTime();
    await bench.write(1, 2, 4);
    await settle();
    expect(reader.ids).toEqual(['started 1-0', 'delta 1-1', 'delta 1-2', 'delta 1-3', 'delta 1-4']);
  });

  it('gets the end from the store while the log cannot be read at all', async () => {
    bench.failing.push(...Array.from({ length: 100 }, () => ['read', 'heads', 'listen']).flat());
    bench.ends.set(runId, ended(2, 3));
    const reader = bench.read();
    await settle();
    await passQuietTime();
    expect(reader.ids).toEqual(['snapshot 2-2', 'completed 2-3']);
    expect(reader.ended).toBe(true);
  });

  it('gets the end from the store when the run has ended and its log was never closed', async () => {
    await bench.memory.open(runId, 1, started);
    await bench.write(1, 1, 2);
    const reader = bench.read();
    await settle();
    bench.ends.set(runId, ended(1, 3));
    await passQuietTime();
    expect(reader.ids).toEqual(['started 1-0', 'delta 1-1', 'delta 1-2', 'completed 1-3']);
    expect(reader.ended).toBe(true);
  });

  it('gets on as soon as the log can be read again', async () => {
    await bench.memory.open(runId, 1, started);
    bench.failing.push('listen', 'read', 'read');
    const reader = bench.read();
    for (let n = 0; n < 4; n++) {
      await settle();
      vi.advanceTimersByTime(400);
    }
    await settle();
    expect(reader.ids).toEqual(['started 1-0']);
  });

  it('gets a history of many pages, and takes it at its own pace', async () => {
    await bench.memory.open(runId, 1, started);
    await bench.memory.append(runId, 1, 1, [...deltas(1, 1_200), completed]);
    const fast = bench.read();
    const slow = bench.read({ kind: 'start' }, 10);
    await settle();
    expect(fast.events).toHaveLength(1_202);
    expect(fast.ended).toBe(true);
    for (let mayHave = 10; !slow.ended; mayHave += 10) {
      expect(slow.events).toHaveLength(mayHave);
      await slow.take();
    }
    expect(slow.ids).toEqual(fast.ids);
  });

  it('that does not read is sent no more than it can take and misses nothing, however much is written', async () => {
    await bench.memory.open(runId, 1, started);
    const slow = bench.read({ kind: 'start' }, 5);
    await settle();
    for (let seq = 1; seq <= 1_000; seq++) await bench.write(1, seq, seq);
    await bench.memory.append(runId, 1, 1_001, [completed]);
    await settle();
    expect(slow.events).toHaveLength(5);
    while (!slow.ended) await slow.take();
    expect(slow.events.map(({ id }) => id)).toEqual(
      Array.from({ length: 1_002 }, (_, seq): EventId => ({ attempt: 1, seq })),
    );
  });
});

describe('the hub', () => {
  it('listens once for all readers of a run, and no longer than one of them is there', async () => {
    await bench.memory.open(runId, 1, started);
    const readers = [bench.read(), bench.read(), bench.read()];
    await settle();
    expect(bench.calls.filter((call) => call === 'listen')).toHaveLength(1);
    expect(bench.hub.runCount).toBe(1);
    for (const { subscription } of readers.slice(1)) subscription.close();
    expect(bench.hub.runCount).toBe(1);
    await bench.write(1, 1, 1);
    expect(readers.map(({ ids }) => ids.length)).toEqual([2, 1, 1]);
    readers[0]?.subscription.close();
    readers[0]?.subscription.close();
    expect(bench.hub.runCount).toBe(0);
    expect(bench.calls.filter((call) => call === 'unlisten')).toHaveLength(1);
  });

  it('hears a run again whose readers had all gone', async () => {
    await bench.memory.open(runId, 1, started);
    bench.read().subscription.close();
    const reader = bench.read();
    await settle();
    await bench.write(1, 1, 1);
    expect(reader.ids).toEqual(['started 1-0', 'delta 1-1']);
  });

  it('sends nothing after it is closed', async () => {
    await bench.memory.open(runId, 1, started);
    const reader = bench.read();
    await settle();
    bench.hub.close();
    await bench.write(1, 1, 1);
    await passQuietTime();
    expect(reader.ids).toEqual(['started 1-0']);
    expect(bench.hub.runCount).toBe(0);
  });
});

describe('a gate', () => {
  it('lets so many in at a time, the others in order, and frees the place of one that fails', async () => {
    const gate = createGate(2);
    const order: number[] = [];
    const leave: (() => void)[] = [];
    const tasks = [0, 1, 2, 3, 4].map((n) =>
      gate(async () => {
        order.push(n);
        await new Promise<void>((resolve) => leave.push(resolve));
        if (n === 0) throw new Error('failed');
      }),
    );
    const results = Promise.allSettled(tasks);
    for (let inside = 2; inside <= 5; inside++) {
      await settle();
      expect(order).toHaveLength(inside);
      leave[inside - 2]?.();
    }
    leave.at(-1)?.();
    expect(order).toEqual([0, 1, 2, 3, 4]);
    const failed = (await results).map(({ status }) => status === 'rejected');
    expect(failed).toEqual([true, false, false, false, false]);
  });
});
