/** Plays many plays of the hub's world and says what came of them. */
import fc from 'fast-check';
import { installClock } from './hub-clock.ts';
import type { Play } from './hub-play.ts';
import { anyPlay, losslessPlay } from './hub-plays.ts';
import { play } from './hub-world.ts';

export interface ModelResult {
  /** Events that readers were sent: a world in which nothing happens would keep every promise. */
  readonly sent: number;
  /** The first play in which a promise was broken, and which one; null: none was. */
  readonly broken: { readonly play: Play; readonly violations: readonly string[] } | null;
}

/** One play in so many is a lossless one. */
const losslessShare = 5;

/** Plays `runs` interleavings, the same ones for the same seed. Takes the clock of this process meanwhile. */
export async function playMany({ runs, seed }: { runs: number; seed: number }): Promise<ModelResult> {
  const clock = installClock();
  const { random } = Math;
  // The jitter of waits, of which nothing here depends: the same play is to go the same way each time.
  Math.random = () => 0.5;
  let sent = 0;
  let broken: ModelResult['broken'] = null;
  const kinds = fc.oneof(
    { weight: losslessShare - 1, arbitrary: anyPlay },
    { weight: 1, arbitrary: losslessPlay },
  );
  const property = fc.asyncProperty(kinds, async (plan) => {
    const outcome = await play(plan, clock);
    sent += outcome.sent;
    // Somebody may wait for this process, a test runner for instance.
    await new Promise((resolve) => setImmediate(resolve));
    if (outcome.violations.length > 0) broken = { play: plan, violations: outcome.violations };
    return outcome.violations.length === 0;
  });
  try {
    await fc.check(property, { seed, numRuns: runs });
    return { sent, broken };
  } finally {
    Math.random = random;
    clock.uninstall();
  }
}
