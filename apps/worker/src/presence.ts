/**
 * Says that this worker lives and how many runs it takes: as many as all workers take together are dispatched at a time.
 *
 * open     it takes runs; said four times per lease
 * leaving  it takes no more, and answers what it has
 * gone     nobody counts on it any more
 */
import type { Logger } from '@holdfast/shared/logger.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import { announceWorker, forgetWorker } from '@holdfast/shared/store/workers.ts';

const announcementsPerLease = 4;

/**
 * Longer than a lease: while a live worker on a busy machine is taken for dead, runs wait that it could answer. A dead one
 * that is counted on for a few seconds too long costs little: some runs then wait for a worker instead of for their turn.
 */
const leasesToLive = 2;

export interface Presence {
  /** Says it for the first time, and then again and again. Rejects when Postgres does not answer, and goes on. */
  open(): Promise<void>;
  /** From now on it takes no runs. Never rejects. */
  leave(): Promise<void>;
  /** It has no runs any more. Never rejects. */
  close(): Promise<void>;
}

export function createPresence(options: {
  store: Store;
  workerId: string;
  concurrency: number;
  leaseMs: number;
  logger: Logger;
}): Presence {
  const { store, workerId, leaseMs, logger } = options;
  let concurrency = options.concurrency;
  let timer: NodeJS.Timeout | null = null;
  let announcing: Promise<void> = Promise.resolve();
  let busy = false;

  const announce = () => announceWorker(store, { id: workerId, concurrency, liveMs: leasesToLive * leaseMs });
  const onError = (error: unknown) => logger.warn({ err: error }, 'could not announce this worker');

  function announceAgain(): void {
    if (busy) return;
    busy = true;
    announcing = announce()
      .catch(onError)
      .finally(() => {
        busy = false;
      });
  }

  return {
    async open() {
      timer = setInterval(announceAgain, leaseMs / announcementsPerLease);
      await announce();
    },
    async leave() {
      concurrency = 0;
      // One that is under way says what was true before, and must not have the last word.
      await announcing;
      await announce().catch(onError);
    },
    async close() {
      if (timer) clearInterval(timer);
      await announcing;
      await forgetWorker(store, workerId).catch(onError);
    },
  };
}
