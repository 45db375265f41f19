import { describe, expect, it } from 'vitest';
import { playMany } from './hub-model.ts';

/** `npm run mutants` plays 100,000; MODEL_RUNS says how many here. */
const runs = Number(process.env['MODEL_RUNS'] ?? 10_000);

describe('worker, run log, hub and client together', () => {
  it(
    'give every reader the text of the current attempt, each event once and in order, and one end that the database has, in every order of events',
    async () => {
      const { sent, broken } = await playMany({ runs, seed: 1 });
      expect(broken).toBeNull();
      // A world in which nothing happens would keep every promise.
      expect(sent).toBeGreaterThan(runs * 5);
    },
    // What a machine needs that is a tenth as fast as ours.
    30_000 + runs * 10,
  );
});
