/** Gives runs to the workers when it is their turn: after each accepted run, after each end, and every second. */
import type { Logger } from './logger.ts';
import type { RunQueue } from './queue.ts';
import type { Store } from './store/database.ts';
import { dispatchRuns, type FlightLimits } from './store/fair-queue.ts';

export interface Dispatcher {
  /**
   * Looks whose turn it is, and rings for them. One look at a time: a call during one makes another look follow it.
   * Never rejects: what a failed look leaves behind, the next one finds, and lost rings are the sweeper's.
   */
  dispatch(): Promise<void>;
}

export function createDispatcher(options: {
  store: Store;
  queue: RunQueue;
  limits: FlightLimits;
  logger: Logger;
}): Dispatcher {
  const { store, queue, limits, logger } = options;
  let looking: Promise<void> | null = null;
  let again: Promise<void> | null = null;

  async function look(): Promise<void> {
    try {
      const runIds = await dispatchRuns(store, limits);
      await Promise.all(runIds.map((runId) => queue.ring(runId)));
    } catch (error) {
      logger.warn({ err: error }, 'could not give runs to the workers; trying again');
    }
  }

  function begin(): Promise<void> {
    looking = look().finally(() => {
      looking = null;
    });
    return looking;
  }

  return {
    dispatch() {
      if (!looking) return begin();
      // What was accepted after the look began may not be in it; all who come now share the one that follows.
      again ??= looking.then(() => {
        again = null;
        return begin();
      });
      return again;
    },
  };
}
