/**
 * The lowest position that each waiting run was told, by any API process: in Redis, so that a reader who comes back to
 * another process is not put back.
 *
 * What one look at the line finds may be more than what another has told: a run that was numbered earlier may be committed
 * later; a run may move up to the place of one that was stopped (closeGaps); a look may be old when it is told, because its
 * process or Postgres stood still.
 */
import type { Logger } from '@holdfast/shared/logger.ts';
import type { Redis } from 'ioredis';
import { defineScript } from '../redis-script.ts';

/** Where a run was found. `higher`: runs of a higher priority in the line. */
export interface FoundPosition {
  readonly position: number;
  readonly higher: number;
}

/** A position is told again within seconds, while anybody is told at all; this outlives any reconnection. */
const rememberMs = 10 * 60_000;
/** Runs in one call: Redis does nothing else meanwhile. */
const runsPerCallMax = 500;

/**
 * The positions to tell, by run, of those that were found: none is more than what was told of this run before, unless more
 * runs of a higher priority wait now. Never rejects: while Redis is away, they are as they were found.
 */
export type LowestPositions = (
  found: ReadonlyMap<string, FoundPosition>,
) => Promise<ReadonlyMap<string, number>>;

export interface LowestPositionsOptions {
  /** For commands. */
  readonly redis: Redis;
  readonly prefix: string;
  readonly logger: Logger;
}

export function createLowestPositions({ redis, prefix, logger }: LowestPositionsOptions): LowestPositions {
  const lowest = defineScript(redis, new URL('./lua/lowest-positions.lua', import.meta.url));

  return async (found) => {
    const positions = new Map([...found].map(([runId, { position }]) => [runId, position]));
    const all = [...found];
    try {
      for (let from = 0; from < all.length; from += runsPerCallMax) {
        const some = all.slice(from, from + runsPerCallMax);
        const keys = some.map(([runId]) => `${prefix}:position:${runId}`);
        const numbers = some.flatMap(([, { position, higher }]) => [position, higher]);
        const told = await lowest(keys, [rememberMs, ...numbers]);
        for (const [nth, [runId, { position }]] of some.entries())
          positions.set(runId, told[nth] ?? position);
      }
    } catch (error) {
      logger.warn({ err: error }, 'positions are told as this process sees them');
    }
    return positions;
  };
}
