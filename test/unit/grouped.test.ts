import { createGrouped } from '@holdfast/shared/store/grouped.ts';
import { expect, it } from 'vitest';

/** Long enough that what is written without waiting in between never falls into two groups. */
const pauseMs = 20;

it('a lone write goes out alone', async () => {
  const groups: number[] = [];
  const write = createGrouped<number, number>({
    together: async (items) => {
      groups.push(items.length);
      return items;
    },
    alone: async (item) => item * 10,
    pauseMs,
  });
  expect(await write(1)).toBe(10);
  expect(groups).toEqual([]);
});

it('writes that come together leave in one group, in their order, and each gets its own result', async () => {
  const groups: (readonly number[])[] = [];
  const write = createGrouped<number, string>({
    together: async (items) => {
      groups.push(items);
      return items.map((item) => `made ${item}`);
    },
    alone: async () => 'alone',
    pauseMs,
  });
  expect(await Promise.all([1, 2, 3].map(write))).toEqual(['made 1', 'made 2', 'made 3']);
  expect(groups).toEqual([[1, 2, 3]]);
});

it('what a group leaves out is made alone, and what a group that failed had in it, each with its own error', async () => {
  const alone: number[] = [];
  let fails = false;
  const write = createGrouped<number, string>({
    together: async (items) => {
      if (fails) throw new Error('all of them');
      return items.map((item) => (item === 2 ? undefined : 'together'));
    },
    alone: async (item) => {
      alone.push(item);
      if (item === 4) throw new Error('only this one');
      return 'alone';
    },
    pauseMs,
  });
  expect(await Promise.all([1, 2, 3].map(write))).toEqual(['together', 'alone', 'together']);
  fails = true;
  const settled = await Promise.allSettled([3, 4, 5].map(write));
  expect(settled.map((each) => (each.status === 'fulfilled' ? each.value : String(each.reason)))).toEqual([
    'alone',
    'Error: only this one',
    'alone',
  ]);
  expect(alone).toEqual([2, 3, 4, 5]);
});

it('a group that hangs holds up others for a moment only', async () => {
  const write = createGrouped<string, string>({
    together: (items) =>
      items.includes('hangs') ? new Promise(() => undefined) : Promise.resolve(items.map(() => 'together')),
    alone: async () => 'alone',
    pauseMs,
  });
  void write('hangs');
  void write('with it');
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  expect(await Promise.all(['1', '2'].map(write))).toEqual(['together', 'together']);
});

it('a group has a bounded number of writes, and a bounded size', async () => {
  const sizes: number[] = [];
  const write = createGrouped<number, number>({
    together: async (items) => {
      sizes.push(items.length);
      return items;
    },
    alone: async (item) => item,
    charsOf: (item) => (item < 200 ? 1 : 600_000),
    pauseMs: 1,
  });
  await Promise.all(Array.from({ length: 130 }, (_, item) => write(item)));
  expect(sizes).toEqual([64, 64, 2]);
  await Promise.all([1, 300, 301].map(write));
  expect(sizes).toEqual([64, 64, 2, 2]);
});
