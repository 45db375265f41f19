import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Cursor } from '../../apps/api/src/hub/subscription.ts';
import type { AttemptPlan, Play } from './hub-play.ts';
import type { ReaderPlan } from './hub-reader.ts';
import { play } from './hub-world.ts';

beforeAll(() => {
  vi.useFakeTimers({
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'],
  });
});
afterAll(() => {
  vi.useRealTimers();
});

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
  }),
);
const anyPlay: fc.Arbitrary<Play> = fc.record({
  seed: fc.integer(),
  faultsUntil: fc.nat(600),
  attempts: fc.array(attempt, { minLength: 1, maxLength: 3 }),
  end: fc.constantFrom('appended', 'unappended', 'away'),
  readers: fc.array(reader, { minLength: 1, maxLength: 3 }),
  losses: fc.array(fc.constantFrom('log', 'tail'), { maxLength: 3 }),
});

describe('the hub', () => {
  it('gives every reader the text of the current attempt, each event once and in order, and one end, in every order of events', async () => {
    let sent = 0;
    await fc.assert(
      fc.asyncProperty(anyPlay, async (plan) => {
        const outcome = await play(plan);
        sent += outcome.sent;
        expect(outcome.violations).toEqual([]);
      }),
      { seed: 1, numRuns: 3_000 },
    );
    // A world in which nothing happens would keep every promise.
    expect(sent).toBeGreaterThan(20_000);
  });
});
