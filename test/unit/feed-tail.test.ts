import { expect, it } from 'vitest';
import { createFeedTail, type FeedPage } from '../../apps/api/src/feed/feed-tail.ts';

function bench() {
  const reads: { after: number; answer: (page: FeedPage) => void; fail: (error: Error) => void }[] = [];
  const tail = createFeedTail((after) => {
    const { promise, resolve, reject } = Promise.withResolvers<FeedPage>();
    reads.push({ after, answer: resolve, fail: reject });
    return promise;
  });
  return { tail, reads };
}

const page = (end: number): FeedPage => ({ head: end, trimmedTo: 0, events: [], end, more: false });
const never = new AbortController().signal;

it('ten connections at one position share one read; one at another position has its own', async () => {
  const { tail, reads } = bench();
  const pages = Array.from({ length: 10 }, () => tail.read(7));
  const other = tail.read(3);
  expect(reads.map(({ after }) => after)).toEqual([7, 3]);
  for (const read of reads) read.answer(page(read.after));
  expect(new Set(await Promise.all(pages)).size).toBe(1);
  expect((await other).end).toBe(3);
});

it('a read that began before a sign is not shared after it: it may lack what the sign stands for', () => {
  const { tail, reads } = bench();
  void tail.read(7);
  tail.grow();
  void tail.read(7);
  expect(reads).toHaveLength(2);
});

it('nothing that was read is kept, also when the read failed', async () => {
  const { tail, reads } = bench();
  const first = tail.read(7);
  reads[0]?.answer(page(7));
  await first;
  const second = tail.read(7);
  expect(reads).toHaveLength(2);
  reads[1]?.fail(new Error('away'));
  await expect(second).rejects.toThrow('away');
  void tail.read(7);
  expect(reads).toHaveLength(3);
});

it('whoever waits hears every sign that came since they looked, and stops waiting when told to', async () => {
  const { tail } = bench();
  const { signs } = tail;
  tail.grow();
  await tail.whenGrown(signs, never);
  const waiting = [1, 2, 3].map(() => tail.whenGrown(tail.signs, never));
  tail.grow();
  await Promise.all(waiting);
  const stopped = new AbortController();
  const wait = tail.whenGrown(tail.signs, stopped.signal);
  stopped.abort();
  await wait;
});
