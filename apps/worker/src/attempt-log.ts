/**
 * The writing end of one attempt's run log. It keeps every event until the attempt is over, so that whatever Redis loses
 * (a failover, a lost AOF tail, a FLUSHALL) is written again under the same ids, and no reader sees a gap.
 */
import { backoffMs, sleep } from '@holdfast/shared/abort.ts';
import { encodeEventData, type OpeningEvent, type RunEvent } from '@holdfast/shared/protocol/run-event.ts';
import {
  RunLogUnavailableError,
  type RunLogWriter,
  type UnplacedEvent,
} from '@holdfast/shared/run-log/run-log.ts';

/** Waits between tries while Redis is away. */
const retryMsMin = 50;
const retryMsMax = 1_000;

/** Thrown when this worker no longer owns the run: another attempt does, or the run has ended. Nothing was written. */
export class RunLostError extends Error {
  override readonly name = 'RunLostError';
}

export interface AttemptLogOptions {
  readonly runLog: RunLogWriter;
  readonly runId: string;
  readonly attempt: number;
  /** Aborted when the run is lost: ends the waiting for Redis. */
  readonly lost: AbortSignal;
  /** Asks Postgres, and waits for it, whether no later attempt has begun. */
  readonly isNewestAttempt: () => Promise<boolean>;
  readonly onCancelRequested: () => void;
}

export interface AttemptLog {
  /** Raises the fence and writes the opening; waits and throws as `append` does. */
  open(opening: OpeningEvent, giveUp?: AbortSignal): Promise<void>;
  /**
   * Writes the next event, and again what Redis lost before it. Waits for Redis until `giveUp` is aborted or the run is
   * lost. Throws RunLostError, or RunLogUnavailableError after `giveUp`.
   */
  append(event: RunEvent, giveUp?: AbortSignal): Promise<void>;
  /** Place of the next event. */
  readonly nextSeq: number;
}

/**
 * Repeats what failed because Redis is away, until `giveUp` is aborted or the run is lost. Throws RunLostError, or
 * RunLogUnavailableError after `giveUp`.
 */
export function whileLogIsAway<T>(
  operation: () => Promise<T>,
  lost: AbortSignal,
  giveUp: AbortSignal | undefined,
): Promise<T> {
  if (lost.aborted) return Promise.reject(new RunLostError('the lease is lost'));
  // Nearly always the first try is the only one, and it is made for each delta.
  return operation().catch((error: unknown) => repeatAfter(error, operation, lost, giveUp));
}

async function repeatAfter<T>(
  firstError: unknown,
  operation: () => Promise<T>,
  lost: AbortSignal,
  giveUp: AbortSignal | undefined,
): Promise<T> {
  let error = firstError;
  for (let tries = 0; ; tries += 1) {
    if (!(error instanceof RunLogUnavailableError) || giveUp?.aborted) throw error;
    await sleep(backoffMs(tries, retryMsMin, retryMsMax), giveUp ? AbortSignal.any([lost, giveUp]) : lost);
    if (lost.aborted) throw new RunLostError('the lease is lost');
    try {
      return await operation();
    } catch (next) {
      error = next;
    }
  }
}

export function createAttemptLog(options: AttemptLogOptions): AttemptLog {
  const { runLog, runId, attempt, lost, isNewestAttempt, onCancelRequested } = options;
  /** The event at place n is at index n - 1. */
  const events: UnplacedEvent[] = [];
  let opening: UnplacedEvent | null = null;

  const whenAvailable = <T>(operation: () => Promise<T>, giveUp: AbortSignal | undefined): Promise<T> =>
    whileLogIsAway(operation, lost, giveUp);

  async function reopen(giveUp?: AbortSignal): Promise<void> {
    if (!opening) throw new Error('an attempt log is opened before it is written to');
    const event = opening;
    const result = await whenAvailable(() => runLog.open(runId, attempt, event), giveUp);
    if (result !== 'opened') throw new RunLostError(`the run log is ${result}`);
  }

  return {
    get nextSeq() {
      return events.length + 1;
    },
    async open(event, giveUp) {
      opening = { type: event.type, json: encodeEventData(event) };
      await reopen(giveUp);
    },
    async append(event, giveUp) {
      events.push({ type: event.type, json: encodeEventData(event) });
      let firstSeq = events.length;
      for (;;) {
        const seq = firstSeq;
        const result = await whenAvailable(
          () => runLog.append(runId, attempt, seq, events.slice(seq - 1)),
          giveUp,
        );
        switch (result.status) {
          case 'appended':
            if (result.cancelRequested) onCancelRequested();
            return;
          case 'gap':
            firstSeq = result.lastSeq + 1;
            break;
          case 'absent':
            // The fence was lost with the log: a worker that lost its run long ago would take the log back.
            if (!(await isNewestAttempt())) throw new RunLostError('a later attempt has begun');
            await reopen(giveUp);
            firstSeq = 1;
            break;
          case 'fenced':
          case 'closed':
            throw new RunLostError(`the run log is ${result.status}`);
        }
      }
    },
  };
}
