/**
 * Keeps what this worker holds: one timer renews the leases of all its runs in Postgres and their BullMQ locks in Redis,
 * and tells each run when it has to stop.
 *
 * BullMQ's own renewal is not used: it knows jobs by id only, so that a worker which picks up its own stalled job again
 * stops renewing the live one when the dead one ends, and the stalls cascade.
 */
import type { Logger } from '@holdfast/shared/logger.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import { type HeldAttempt, renewLeases } from '@holdfast/shared/store/run-lease.ts';

/**
 * cancelled  somebody stopped the run
 * timedOut   it takes longer than a run may
 * handBack   this worker shuts down
 * lost       another worker has it, or it has ended: write nothing more
 */
export type StopReason = 'cancelled' | 'timedOut' | 'handBack' | 'lost';

export interface HeldRun {
  /** Aborted when the run has to stop, for whatever reason. */
  readonly stop: AbortSignal;
  /** Aborted when the run is lost. */
  readonly lost: AbortSignal;
  /** Why `stop` was aborted; the first reason stays, except that a run can still be lost after it. */
  readonly stopReason: StopReason | null;
  requestStop(reason: StopReason): void;
  /**
   * The run is about to end in Postgres, which decides from here on whose it is: a renewal that then no longer finds it
   * running must not keep its holder from writing the terminal event.
   */
  beginEnd(): void;
  /** The run is over for this worker: forget it. */
  release(): void;
}

export interface LeaseKeeper {
  hold(attempt: HeldAttempt, lockToken: string): HeldRun;
  /** Stops a run if it is held here. */
  stop(runId: string, reason: StopReason): void;
  /** Stops the runs that are held now, and those that are held from now on: their claim may have been under way. */
  stopAll(reason: StopReason): void;
  readonly count: number;
  close(): void;
}

export interface LeaseKeeperOptions {
  readonly store: Store;
  readonly leaseMs: number;
  readonly runMsMax: number;
  /** Extends the locks of jobs; those that were lost are not an error here, because the lease decides. */
  readonly extendLocks: (jobIds: string[], tokens: string[], ms: number) => Promise<unknown>;
  readonly logger: Logger;
}

/** Renewals per lease: two may fail before it runs out. */
const renewalsPerLease = 4;

interface Entry {
  readonly attempt: HeldAttempt;
  readonly lockToken: string;
  readonly held: HeldRun;
}

export function createLeaseKeeper({
  store,
  leaseMs,
  runMsMax,
  extendLocks,
  logger,
}: LeaseKeeperOptions): LeaseKeeper {
  // By attempt, not by run: after a pause this worker may hold a run whose earlier attempt has not noticed its end yet.
  const entries = new Set<Entry>();
  let allStopped: StopReason | null = null;

  function hold(attempt: HeldAttempt, lockToken: string): HeldRun {
    const stop = new AbortController();
    const lost = new AbortController();
    let stopReason: StopReason | null = null;
    let ending = false;
    const timer = setTimeout(() => held.requestStop('timedOut'), runMsMax);
    const held: HeldRun = {
      stop: stop.signal,
      lost: lost.signal,
      get stopReason() {
        return stopReason;
      },
      requestStop(reason) {
        if (ending) return;
        if (stopReason === null || reason === 'lost') stopReason = reason;
        stop.abort();
        if (reason === 'lost') lost.abort();
      },
      beginEnd() {
        ending = true;
      },
      release() {
        clearTimeout(timer);
        entries.delete(entry);
      },
    };
    const entry: Entry = { attempt, lockToken, held };
    entries.add(entry);
    if (allStopped) held.requestStop(allStopped);
    return held;
  }

  async function renew(): Promise<void> {
    const renewed = [...entries];
    if (renewed.length === 0) return;
    const ours = await renewLeases(
      store,
      renewed.map((entry) => entry.attempt),
      leaseMs,
    );
    const cancelled = new Map(ours.map((each) => [`${each.runId} ${each.attempt}`, each.cancelRequested]));
    for (const entry of renewed) {
      const cancelRequested = cancelled.get(`${entry.attempt.runId} ${entry.attempt.attempt}`);
      // A run that was released while the query ran is missing in its answer, but not lost.
      if (cancelRequested === undefined && entries.has(entry)) entry.held.requestStop('lost');
      else if (cancelRequested) entry.held.requestStop('cancelled');
    }
  }

  async function extendAllLocks(): Promise<void> {
    const locked = [...entries];
    if (locked.length === 0) return;
    await extendLocks(
      locked.map((entry) => entry.attempt.runId),
      locked.map((entry) => entry.lockToken),
      leaseMs,
    );
  }

  /**
   * One renewal, unless its last one still waits. Each kind by itself: a Redis that hangs must not cost the leases in
   * Postgres, nor the cancels that are read with them. A failure is not fatal: the fence keeps a late writer out, and the
   * next renewal may come in time.
   */
  function oneAtATime(work: () => Promise<void>, failed: string): () => void {
    let busy = false;
    return () => {
      if (busy) return;
      busy = true;
      void work()
        .catch((error: unknown) => logger.warn({ err: error }, failed))
        .finally(() => {
          busy = false;
        });
    };
  }
  const renewals = [
    oneAtATime(renew, 'could not renew leases'),
    oneAtATime(extendAllLocks, 'could not extend job locks'),
  ];
  const timer = setInterval(() => {
    for (const start of renewals) start();
  }, leaseMs / renewalsPerLease);

  return {
    hold,
    stop(runId, reason) {
      for (const entry of entries) if (entry.attempt.runId === runId) entry.held.requestStop(reason);
    },
    stopAll(reason) {
      allStopped = reason;
      for (const entry of entries) entry.held.requestStop(reason);
    },
    get count() {
      return entries.size;
    },
    close() {
      clearInterval(timer);
    },
  };
}
