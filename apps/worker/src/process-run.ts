/**
 * All decisions about one run: claim → open → answer → end. What a worker does with a run is decided here and nowhere
 * else; the parts that it calls decide nothing.
 *
 * The order at the end is what readers rely on: first every delta is in the log, then the answer is in Postgres, then
 * the terminal event is in the log. Whoever sees `completed` can read the message; a crash in between is repaired by
 * whoever is woken next.
 */
import { backoffMs } from '@holdfast/shared/abort.ts';
import type { Logger } from '@holdfast/shared/logger.ts';
import type { Usage } from '@holdfast/shared/protocol/run-event.ts';
import { closeLog } from '@holdfast/shared/run-log/close-log.ts';
import { readText } from '@holdfast/shared/run-log/read-text.ts';
import {
  type RunLogReader,
  RunLogUnavailableError,
  type RunLogWriter,
} from '@holdfast/shared/run-log/run-log.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import type { RunGroups } from '@holdfast/shared/store/run-groups.ts';
import { isNewestAttempt, releaseRun } from '@holdfast/shared/store/run-lease.ts';
import { endedRuns } from '@holdfast/shared/store/runs.ts';
import type { RunRow } from '@holdfast/shared/store/views.ts';
import type { FeedBell } from '@holdfast/shared/sync/feed-bell.ts';
import { type AttemptLog, createAttemptLog, RunLostError, whileLogIsAway } from './attempt-log.ts';
import { type Ending, whileStoreIsAway, writeEnd } from './end-run.ts';
import type { HeldRun, LeaseKeeper } from './lease-keeper.ts';
import { buildPrompt } from './prompt.ts';
import { settleLostAttempts } from './settle-lost.ts';
import { createSpending, type Spending } from './spending.ts';
import { streamAnswer } from './stream-answer.ts';
import { createTokenAllowance } from './token-allowance.ts';
import type { Upstream } from './upstream/upstream.ts';

/** A run whose workers died so often is what kills them. */
const crashesMax = 3;

/** Wait before another try at the provider, when it names none. */
const retryMsMin = 1_000;
const retryMsMax = 30_000;

/** A provider that asks for a longer wait than this is told to the user instead. */
const retryAfterMsMax = 120_000;

export interface ProcessRunDeps {
  readonly store: Store;
  /** Claims and ends runs, those of many together. */
  readonly runs: RunGroups;
  readonly runLog: RunLogReader & RunLogWriter;
  readonly upstream: Upstream;
  readonly leases: LeaseKeeper;
  /** Rung after each change of a run that its members are told of. */
  readonly feedBell: FeedBell;
  readonly logger: Logger;
  /** How often a run is tried again after failures of the provider that may pass. */
  readonly retriesMax: number;
  /** Tokens that a user may use in a day; 0: no limit. */
  readonly tokensPerDay: number;
  /** Aborted when this process has to end: from then on nothing waits for a Redis that is away. */
  readonly leaving: AbortSignal;
}

/** `delayMs`: the run went back to the queue and wants to be woken after that; null: nothing more is to be done. */
export interface Processed {
  readonly delayMs: number | null;
}

const done: Processed = { delayMs: null };

/** Does one run, or what is left of it. Rejects only when the store does not answer: then the job may be lost, the run not. */
export async function processRun(runId: string, lockToken: string, deps: ProcessRunDeps): Promise<Processed> {
  const { store, runLog, leases } = deps;
  const claimed = await deps.runs.claim(runId);
  if (!claimed) {
    await repairEnd(runId, deps);
    return done;
  }
  deps.feedBell.ring(claimed.conversation_id);
  const logger = deps.logger.child({ runId, attempt: claimed.attempt });
  const held = leases.hold({ runId, attempt: claimed.attempt }, lockToken);
  const log = createAttemptLog({
    runLog,
    runId,
    attempt: claimed.attempt,
    lost: held.lost,
    isNewestAttempt: () =>
      whileStoreIsAway(() => isNewestAttempt(store, { runId, attempt: claimed.attempt })),
    onCancelRequested: () => held.requestStop('cancelled'),
  });
  const spending = createSpending();
  try {
    const run = await settleLostAttempts(claimed, held.lost, deps);
    if (run.cancel_requested_at !== null)
      return await endWithoutAnswer(run, { status: 'cancelled' }, log, held, deps);
    if (run.crashes >= crashesMax) {
      return await endWithoutAnswer(
        run,
        { status: 'failed', failureCode: 'worker_crashed' },
        log,
        held,
        deps,
      );
    }
    return await answerRun(run, log, held, spending, { ...deps, logger });
  } catch (error) {
    if (error instanceof RunLogUnavailableError && deps.leaving.aborted) {
      return (await handBack(claimed, { delayMs: 0, retry: false, usage: spending.total() }, deps)) ?? done;
    }
    if (!(error instanceof RunLostError)) throw error;
    logger.warn({ err: error }, 'another attempt has taken this run over; stopped');
    return done;
  } finally {
    held.release();
  }
}

/** The run had ended, or somebody else holds it. In the first case its log may lack the terminal event. */
async function repairEnd(runId: string, { store, runLog }: ProcessRunDeps): Promise<void> {
  const ended = (await endedRuns(store, [runId])).get(runId);
  if (ended) await closeLog(runLog, runId, ended.end);
}

/** Ends a claimed run without asking the model (again). What earlier attempts produced is kept. */
async function endWithoutAnswer(
  run: RunRow,
  ending: Ending,
  log: AttemptLog,
  held: HeldRun,
  deps: ProcessRunDeps,
): Promise<Processed> {
  const read = () => readText(deps.runLog, run.id);
  const before = run.attempt === 1 ? null : await whileLogIsAway(read, held.lost, deps.leaving);
  const text = before?.text ?? '';
  await log.open({ type: 'snapshot', data: { text } }, deps.leaving);
  await writeEnd({ run, ending, text, usage: run.usage, attemptUsage: null, log, held }, deps);
  return done;
}

async function answerRun(
  run: RunRow,
  log: AttemptLog,
  held: HeldRun,
  spending: Spending,
  deps: ProcessRunDeps,
): Promise<Processed> {
  const { store, tokensPerDay, logger } = deps;
  const { prompt, begun } = await whileStoreIsAway(() => buildPrompt(store, run));
  if (run.attempt === 1) {
    await log.open({ type: 'started', data: { runId: run.id, model: run.model } }, deps.leaving);
    if (begun !== '') await log.append({ type: 'delta', data: { text: begun } }, deps.leaving);
  } else {
    await log.open({ type: 'snapshot', data: { text: begun } }, deps.leaving);
  }

  const allowance = createTokenAllowance({ run, store, tokensPerDay, logger });
  const { answer, text } = (await allowance.covers(prompt))
    ? await streamAnswer(prompt, begun, { log, held, spending, allowance }, deps)
    : ({ answer: { kind: 'usedUp' }, text: begun } as const);
  const usage = spending.total();
  const endAs = async (ending: Ending): Promise<Processed> => {
    await writeEnd({ run, ending, text, usage, attemptUsage: usage, log, held }, deps);
    return done;
  };
  const handBackOrCancel = async (delayMs: number, retry: boolean): Promise<Processed> =>
    (await handBack(run, { delayMs, retry, usage }, deps)) ?? endAs({ status: 'cancelled' });

  // A stop that came while the last words were written: the answer is whole, and the store lets a cancel win if it may.
  if (answer.kind === 'finished') return endAs({ status: 'completed', finishReason: answer.finishReason });
  if (answer.kind === 'tooLong') return endAs({ status: 'failed', failureCode: 'answer_too_long' });
  if (answer.kind === 'usedUp') return endAs({ status: 'failed', failureCode: 'token_limit_reached' });
  if (answer.kind === 'stopped') {
    switch (held.stopReason) {
      case 'timedOut':
        return endAs({ status: 'failed', failureCode: 'run_timeout' });
      case 'handBack':
        return handBackOrCancel(0, false);
      case 'lost':
        throw new RunLostError('the lease is lost');
      case 'cancelled':
      case null:
        return endAs({ status: 'cancelled' });
    }
  }

  const { error } = answer;
  // A provider that says "at once" again and again would use up all retries within a second.
  const delayMs = Math.max(error.retryAfterMs ?? 0, backoffMs(run.retries, retryMsMin, retryMsMax));
  const mayRetry = error.retryable && run.retries < deps.retriesMax && delayMs <= retryAfterMsMax;
  logger.warn({ err: error, failureCode: error.code, mayRetry, delayMs }, 'the provider failed');
  return mayRetry ? handBackOrCancel(delayMs, true) : endAs({ status: 'failed', failureCode: error.code });
}

/** Gives the run back to the queue. Null: somebody has stopped it, or it is lost. */
async function handBack(
  run: RunRow,
  how: { delayMs: number; retry: boolean; usage: Usage | null },
  { store, feedBell }: ProcessRunDeps,
): Promise<Processed | null> {
  const attempt = { runId: run.id, attempt: run.attempt };
  const released = await whileStoreIsAway(() => releaseRun(store, attempt, how));
  if (!released) return null;
  feedBell.ring(run.conversation_id);
  return { delayMs: how.delayMs };
}
