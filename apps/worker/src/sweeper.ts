import type { Dispatcher } from '@holdfast/shared/dispatcher.ts';
import type { Logger } from '@holdfast/shared/logger.ts';
import type { RunQueue } from '@holdfast/shared/queue.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import { closeGaps } from '@holdfast/shared/store/fair-queue.ts';
import { forgetOldKeys } from '@holdfast/shared/store/idempotency.ts';
import { runsToRing } from '@holdfast/shared/store/run-lease.ts';
import { forgetOldSessions } from '@holdfast/shared/store/sessions.ts';
import { trimFeeds } from '@holdfast/shared/store/user-feed.ts';

/** How often runs without an owner are looked for: part of the time until a dead worker's run goes on. */
const sweepMs = 1_000;

/** Runs of one sweep; the next one goes on. */
const runsMax = 100;

const housekeepingMs = 600_000;

/**
 * Rings for every run that nobody holds: one whose job was never added because the API died, was lost with Redis, or
 * whose worker died. Every worker runs a sweeper; they share the work. Returns the function that stops it.
 */
export function startSweeper({
  store,
  queue,
  dispatcher,
  logger,
}: {
  store: Store;
  queue: RunQueue;
  dispatcher: Dispatcher;
  logger: Logger;
}): () => void {
  let sweeping = false;

  async function sweep(): Promise<void> {
    await closeGaps(store);
    await dispatcher.dispatch();
    const runIds = await runsToRing(store, runsMax);
    if (runIds.length === 0) return;
    const results = await Promise.allSettled(runIds.map((runId) => queue.ring(runId)));
    const failed = results.filter((result) => result.status === 'rejected').length;
    logger.info({ runs: runIds.length, failed }, 'rang for runs that nobody held');
  }

  const repeatedly = (work: () => Promise<void>, ms: number) =>
    setInterval(
      () => {
        work().catch((error: unknown) => logger.warn({ err: error }, 'sweeping failed; trying on'));
      },
      // Workers that were started together should not all sweep in the same moment.
      ms * (0.9 + Math.random() * 0.2),
    );
  const timers = [
    repeatedly(async () => {
      if (sweeping) return;
      sweeping = true;
      await sweep().finally(() => {
        sweeping = false;
      });
    }, sweepMs),
    repeatedly(() => forgetOldKeys(store), housekeepingMs),
    repeatedly(() => trimFeeds(store), housekeepingMs),
    repeatedly(() => forgetOldSessions(store), housekeepingMs),
  ];
  return () => {
    for (const timer of timers) clearInterval(timer);
  };
}
