/** All plays of the hub's world that there can be (fast-check). */
import fc from 'fast-check';
import type { Cursor } from '../../apps/api/src/hub/reader.ts';
import type { AttemptPlan, Play } from './hub-play.ts';
import type { ReaderPlan } from './hub-reader.ts';

const cursor: fc.Arbitrary<Cursor> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Cursor>({ kind: 'start' }) },
  { weight: 1, arbitrary: fc.constant<Cursor>({ kind: 'unknown' }) },
  {
    weight: 2,
    arbitrary: fc
      .record({ attempt: fc.integer({ min: 1, max: 5 }), seq: fc.nat(12) })
      .map((id): Cursor => ({ kind: 'after', id })),
  },
  { weight: 1, arbitrary: fc.constant<Cursor>({ kind: 'after', id: { attempt: 1, seq: 999_999_999 } }) },
);

const reader: fc.Arbitrary<ReaderPlan> = fc.record({
  cursor,
  capacity: fc.integer({ min: 1, max: 4 }),
  comesAfter: fc.option(fc.nat(40)),
});

const attempt: fc.Arbitrary<AttemptPlan> = fc.integer({ min: 0, max: 8 }).chain((deltas) =>
  fc.record({
    deltas: fc.constant(deltas),
    takenOverAfter: fc.integer({ min: -1, max: deltas }),
    dies: fc.boolean(),
    frozenFor: fc.option(fc.nat(30), { freq: 2 }),
  }),
);

export const anyPlay: fc.Arbitrary<Play> = fc.record({
  seed: fc.integer(),
  faultsUntil: fc.nat(600),
  attempts: fc.array(attempt, { minLength: 1, maxLength: 3 }),
  cancelAfter: fc.option(fc.nat(60), { freq: 3 }),
  end: fc.constantFrom('appended', 'unappended', 'repaired', 'away'),
  readers: fc.array(reader, { minLength: 1, maxLength: 3 }),
  losses: fc.array(fc.constantFrom('log', 'tail'), { maxLength: 3 }),
});

/**
 * Plays in which things come in any order, but nothing is lost: nobody in them may need the clock. What one mechanism
 * misses, a comparison that comes with the clock mends, so that only a world without it shows that nothing was missed.
 */
export const losslessPlay: fc.Arbitrary<Play> = anyPlay.map((play) => ({
  ...play,
  lossless: true,
  end: 'appended',
  losses: [],
  // Whoever invents a cursor that will be the run's end is told so by the route, or by the clock.
  readers: play.readers.map((each) => ({
    ...each,
    cursor: each.cursor.kind === 'after' ? { kind: 'start' } : each.cursor,
  })),
}));
