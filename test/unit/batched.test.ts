import { createBatchedLookUp } from '@holdfast/shared/store/batched.ts';
import { expect, it } from 'vitest';

/** What is asked for leaves with the end of a turn of the event loop. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A store whose queries end when the test says so. */
function createSlowStore() {
  const queries: { keys: readonly string[]; end: PromiseWithResolvers<void> }[] = [];
  const lookUp = createBatchedLookUp(
    (key: string) => key,
    async (keys) => {
      const end = Promise.withResolvers<void>();
      queries.push({ keys, end });
      await end.promise;
      return new Map(keys.filter((key) => key !== 'absent').map((key) => [key, `value of ${key}`]));
    },
  );
  return { queries, lookUp };
}

it('what one turn asks for is one query, and what comes while queries are under way is asked together', async () => {
  const { queries, lookUp } = createSlowStore();
  const found = ['a', 'b', 'a'].map(lookUp);
  await turn();
  found.push(lookUp('c'));
  await turn();
  found.push(...['d', 'e', 'd'].map(lookUp));
  await turn();
  found.push(lookUp('absent'));
  await turn();
  expect(queries.map(({ keys }) => keys)).toEqual([['a', 'b'], ['c']]);
  queries[0]?.end.resolve();
  await expect.poll(() => queries[2]?.keys).toEqual(['d', 'e', 'absent']);
  queries[1]?.end.resolve();
  queries[2]?.end.resolve();
  const value = (key: string) => `value of ${key}`;
  expect(await Promise.all(found)).toEqual([...['a', 'b', 'a', 'c', 'd', 'e', 'd'].map(value), undefined]);
});

it('a look-up never joins a query that began before it', async () => {
  const { queries, lookUp } = createSlowStore();
  const first = lookUp('a');
  await turn();
  const second = lookUp('a');
  await turn();
  expect(queries).toHaveLength(2);
  for (const { end } of queries) end.resolve();
  expect(await Promise.all([first, second])).toEqual(['value of a', 'value of a']);
});

it('a failure reaches those who were part of the query and nobody else', async () => {
  const { queries, lookUp } = createSlowStore();
  const failing = lookUp('a');
  await turn();
  const other = lookUp('b');
  await turn();
  queries[0]?.end.reject(new Error('the database is away'));
  queries[1]?.end.resolve();
  await expect(failing).rejects.toThrow('the database is away');
  expect(await other).toBe('value of b');
  const later = lookUp('a');
  await turn();
  queries[2]?.end.resolve();
  expect(await later).toBe('value of a');
});
