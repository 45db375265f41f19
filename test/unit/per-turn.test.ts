import { expect, it } from 'vitest';
import { groupedByKey, perTurn } from '../../apps/api/src/plugins/per-turn.ts';

it('what one turn asks for is sent together, each gets its own result, and no call grows beyond its limit', async () => {
  const sent: number[] = [];
  const double = perTurn(async (items: readonly number[]) => {
    sent.push(items.length);
    return items.map((item) => 2 * item);
  });
  const numbers = Array.from({ length: 1_203 }, (_, n) => n);
  expect(await Promise.all(numbers.map(double))).toEqual(numbers.map((n) => 2 * n));
  expect(sent).toEqual([500, 500, 203]);
  expect(await double(7)).toBe(14);
  expect(sent).toHaveLength(4);
});

it('a failure reaches those who were part of the call and nobody else', async () => {
  let fails = true;
  const ask = perTurn(async (items: readonly string[]) => {
    if (fails) throw new Error('Redis is away');
    return items;
  });
  const failed = await Promise.allSettled(['a', 'b'].map(ask));
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  fails = false;
  expect(await ask('c')).toBe('c');
});

it('items are grouped by their key and know their places', () => {
  const items = ['x', 'y', 'x'].map((key, n) => ({ key, n }));
  expect(groupedByKey(items)).toEqual([
    { key: 'x', items: [items[0], items[2]], places: [0, 2] },
    { key: 'y', items: [items[1]], places: [1] },
  ]);
});
