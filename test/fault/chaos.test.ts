/**
 * A minute of chaos, with a Postgres and a Redis of its own: what `npm run chaos` does, short enough for every test run.
 *
 * CHAOS_SECONDS and CHAOS_SEED make it longer or another one. The seed decides the faults and what each user wants; what
 * comes of it also depends on who is quicker.
 */
import { join } from 'node:path';
import { expect, inject, it } from 'vitest';
import { tell } from '../chaos/report.ts';
import { runChaos } from '../chaos/run.ts';

const seconds = Number(process.env['CHAOS_SECONDS'] ?? 60);
const seed = Number(process.env['CHAOS_SEED'] ?? 4);
/** Starting, waiting for quiet, and the verdict, also where both cores have something else to do. */
const aroundMsMax = 200_000;

it(
  `${seconds} s of faults in processes, links, stores and the provider break no promise`,
  async () => {
    const command = { seconds, seed, dir: join(inject('logDir'), 'chaos') };
    const result = await runChaos(command);
    const told = tell(result, command);
    // In the failure's own words, where whoever reads only the end of a long log finds it.
    expect(result.violations, told).toEqual([]);
    console.info(told);
    // A plan that hits nothing proves nothing, and a promise that nobody leaned on is not kept.
    const struck = Object.values(result.faults).filter(({ times }) => times > 0);
    expect(struck.length).toBeGreaterThan(seconds / 6);
    expect(result.decisions.filter(({ observations }) => observations === 0)).toEqual([]);
    for (const what of ['completed', 'cancelled', 'repeats', 'reconnects'] as const) {
      expect(result.counts[what], what).toBeGreaterThan(seconds / 10);
    }
  },
  seconds * 1_000 + aroundMsMax,
);
