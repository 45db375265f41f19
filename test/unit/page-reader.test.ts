import type { EventId } from '@holdfast/shared/protocol/event-id.ts';
import type { LoggedEvent } from '@holdfast/shared/protocol/run-event.ts';
import type { LogPage } from '@holdfast/shared/run-log/run-log.ts';
import { expect, it } from 'vitest';
import { isChain } from '../../apps/api/src/hub/chain.ts';
import { createGate } from '../../apps/api/src/hub/gate.ts';
import { createPageReader } from '../../apps/api/src/hub/page-reader.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A log whose reads end when the test says so; `readsMax` of them at a time. */
function createSlowLog(readsMax: number) {
  const reads: { runId: string; end: PromiseWithResolvers<LogPage> }[] = [];
  const readPage = createPageReader(
    {
      read(runId) {
        const end = Promise.withResolvers<LogPage>();
        reads.push({ runId, end });
        return end.promise;
      },
    },
    createGate(readsMax),
  );
  return { reads, readPage };
}

const page = (): LogPage => ({ head: null, events: [] });
const at = (seq: number, attempt = 1): EventId => ({ attempt, seq });

it('those who want the same page at the same time share one read, and others do not', async () => {
  const { reads, readPage } = createSlowLog(10);
  const shared = [readPage('a', at(1), 32), readPage('a', at(1), 32)];
  const others = [
    readPage('a', at(2), 32),
    readPage('a', at(1), 64),
    readPage('a', null, 32),
    readPage('b', at(1), 32),
  ];
  await turn();
  expect(reads).toHaveLength(5);
  for (const { end } of reads) end.resolve(page());
  const [first, second] = await Promise.all(shared);
  expect(first).toBe(second);
  for (const other of await Promise.all(others)) expect(other).not.toBe(first);
});

it('nobody joins a read that has begun, and everybody one that waits for its turn', async () => {
  const { reads, readPage } = createSlowLog(1);
  const begun = readPage('a', at(1), 32);
  await turn();
  const later = [readPage('a', at(1), 32)];
  await turn();
  later.push(readPage('a', at(1), 32));
  expect(reads).toHaveLength(1);
  reads[0]?.end.resolve(page());
  const first = await begun;
  await turn();
  expect(reads).toHaveLength(2);
  reads[1]?.end.resolve(page());
  const [second, third] = await Promise.all(later);
  expect(second).not.toBe(first);
  expect(second).toBe(third);
});

it('a read that fails fails for those who shared it, and is made anew for who asks again', async () => {
  const { reads, readPage } = createSlowLog(1);
  const failing = Promise.allSettled([readPage('a', at(1), 32), readPage('a', at(1), 32)]);
  await turn();
  reads[0]?.end.reject(new Error('Redis is away'));
  expect((await failing).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  const again = readPage('a', at(1), 32);
  await turn();
  reads[1]?.end.resolve(page());
  expect(await again).toEqual(page());
});

it('a chain has no hole, no repeat, one attempt, and nothing after its end', () => {
  const delta = (id: EventId): LoggedEvent => ({ id, type: 'delta', json: '{}' });
  const end = (id: EventId): LoggedEvent => ({ id, type: 'completed', json: '{}' });
  expect(isChain(at(1), [delta(at(2)), delta(at(3)), end(at(4))])).toBe(true);
  expect(isChain(at(1), [delta(at(3))])).toBe(false);
  expect(isChain(at(1), [delta(at(2)), delta(at(4))])).toBe(false);
  expect(isChain(at(1), [delta(at(1)), delta(at(2))])).toBe(false);
  expect(isChain(at(1), [delta(at(2)), delta(at(0, 2))])).toBe(false);
  expect(isChain(at(1), [end(at(2)), delta(at(3))])).toBe(false);
});
