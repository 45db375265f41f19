/** Where a run stands in a line, against the definition in PROTOCOL.md, section 11. */
import type { WaitingRun } from '@holdfast/shared/store/positions.ts';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { rankLine } from '../../apps/api/src/queue/line.ts';

/** A line in order: by priority, and within one in any order of numbers. */
const lines = fc
  .uniqueArray(fc.record({ number: fc.nat(10_000), priority: fc.integer({ min: -2, max: 2 }) }), {
    selector: (run) => run.number,
    maxLength: 60,
  })
  .map((runs) => runs.sort((a, b) => b.priority - a.priority))
  .map((runs): WaitingRun[] => runs.map((run) => ({ ...run, id: `run ${run.number}` })));

it('counts the runs before it that were accepted before it or have a higher priority, and one more', () => {
  fc.assert(
    fc.property(lines, (line) => {
      const ranked = rankLine(line);
      expect(ranked).toHaveLength(line.length);
      for (const [index, run] of line.entries()) {
        const before = line.slice(0, index);
        expect(ranked[index]).toEqual({
          id: run.id,
          position:
            1 + before.filter((each) => each.priority > run.priority || each.number < run.number).length,
          higher: before.filter((each) => each.priority > run.priority).length,
          rank: index + 1,
        });
      }
    }),
  );
});

it('tells only of the runs that were asked for', () => {
  const line: WaitingRun[] = [
    { id: null, priority: 0, number: 3 },
    { id: 'asked', priority: 0, number: 7 },
    { id: null, priority: 0, number: 5 },
  ];
  expect(rankLine(line)).toEqual([{ id: 'asked', position: 2, higher: 0, rank: 2 }]);
});
