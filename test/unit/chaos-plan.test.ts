/** The fault plan: repeatable, and never without a kind of fault. */
import { expect, it } from 'vitest';
import { faultTypes, linkNames } from '../chaos/fault-types.ts';
import { createPlan, tellFault } from '../chaos/plan.ts';

const longPlan = (seed: number) => createPlan({ seed, windowMs: 588_000, hasAof: true });

it('is the same for the same seed, and another one for another', () => {
  expect(longPlan(7)).toEqual(longPlan(7));
  expect(longPlan(7).map(tellFault)).not.toEqual(longPlan(8).map(tellFault));
});

it.each([1, 2, 3, 20_261_121])(
  'has every kind of fault, on every link, within ten minutes: seed %i',
  (seed) => {
    const plan = longPlan(seed);
    expect(plan.length).toBeGreaterThan(200);
    expect(new Set(plan.map(({ kind }) => kind))).toEqual(new Set(Object.keys(faultTypes)));
    for (const link of linkNames) {
      const kinds = plan.filter((fault) => fault.link === link).map(({ kind }) => kind);
      expect(new Set(kinds).size, link).toBeGreaterThan(3);
    }
    expect(plan.map(({ atMs }) => atMs)).toEqual(plan.map(({ atMs }) => atMs).toSorted((a, b) => a - b));
  },
);

it('has most kinds within a minute, and none twice before the others', () => {
  const plan = createPlan({ seed: 4, windowMs: 48_000, hasAof: false });
  const kinds = plan.map(({ kind }) => kind);
  expect(kinds.length).toBeGreaterThan(20);
  const first = kinds.slice(0, Object.keys(faultTypes).length - 1);
  expect(new Set(first).size).toBe(first.length);
  expect(kinds).not.toContain('truncate-redis');
});
