/** The end of a run: first in Postgres, for ever, then as the terminal event that readers wait for. */
import { backoffMs, sleep } from '@holdfast/shared/abort.ts';
import type { FailureCode } from '@holdfast/shared/protocol/error-code.ts';
import type { TerminalStatus } from '@holdfast/shared/protocol/run.ts';
import type { FinishReason, RunEnd, Usage } from '@holdfast/shared/protocol/run-event.ts';
import { isDatabaseUnavailable, type Store } from '@holdfast/shared/store/database.ts';
import type { RunGroups } from '@holdfast/shared/store/run-groups.ts';
import { endedRuns } from '@holdfast/shared/store/runs.ts';
import { type RunRow, runEnd } from '@holdfast/shared/store/views.ts';
import type { FeedBell } from '@holdfast/shared/sync/feed-bell.ts';
import { type AttemptLog, RunLostError } from './attempt-log.ts';
import type { HeldRun } from './lease-keeper.ts';

/** Once the answer is in Postgres the terminal event may wait so long for Redis; readers get the end from Postgres then. */
const closeMsMax = 30_000;

export interface Ending {
  readonly status: TerminalStatus;
  readonly failureCode?: FailureCode;
  readonly finishReason?: FinishReason;
}

export interface RunToEnd {
  readonly run: RunRow;
  readonly ending: Ending;
  /** The whole text that is in the log. */
  readonly text: string;
  /** What the run is said to have cost. */
  readonly usage: Usage | null;
  /** What this attempt has cost. */
  readonly attemptUsage: Usage | null;
  readonly log: AttemptLog;
  readonly held: HeldRun;
}

/** Writes the end to Postgres, then to the log. Throws RunLostError when another attempt has the run. */
export async function writeEnd(
  { run, ending, text, usage, attemptUsage, log, held }: RunToEnd,
  {
    store,
    runs,
    feedBell,
    leaving,
  }: { store: Store; runs: RunGroups; feedBell: FeedBell; leaving: AbortSignal },
): Promise<void> {
  const outcome = {
    runId: run.id,
    attempt: run.attempt,
    from: 'running',
    attemptsToAdd: 0,
    text,
    usage,
    attemptUsage,
    terminalSeq: log.nextSeq,
    ...ending,
  } as const;
  held.beginEnd();
  const ended = await whileStoreIsAway(() => runs.end(outcome));
  const terminal = ended ? runEnd(ended) : await endOfAttempt(run, store);
  if (!terminal) throw new RunLostError('the run is no longer ours to end');
  feedBell.ring(run.conversation_id);
  await log.append(terminal.event, AbortSignal.any([leaving, AbortSignal.timeout(closeMsMax)]));
}

/** A statement whose reply was lost may have been carried out: when it is repeated it finds the run ended, by itself. */
async function endOfAttempt(run: RunRow, store: Store): Promise<RunEnd | null> {
  const ended = (await whileStoreIsAway(() => endedRuns(store, [run.id]))).get(run.id);
  return ended?.end.id.attempt === run.attempt ? ended.end : null;
}

/**
 * Repeats what failed because Postgres is away: a whole answer is worth the wait. Only for work that is bound to an
 * attempt, so that it changes nothing when the run was lost meanwhile.
 */
export async function whileStoreIsAway<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (!isDatabaseUnavailable(error)) throw error;
    }
    await sleep(backoffMs(tries, 100, 2_000));
  }
}
