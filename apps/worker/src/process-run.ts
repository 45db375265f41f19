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
import type { FinishReason, Usage } from '@holdfast/shared/protocol/run-event.ts';
import { closeLog } from '@holdfast/shared/run-log/close-log.ts';
import { readText } from '@holdfast/shared/run-log/read-text.ts';
import {
  type RunLogReader,
  RunLogUnavailableError,
  type RunLogWriter,
} from '@holdfast/shared/run-log/run-log.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import { claimRun, isNewestAttempt, releaseRun } from '@holdfast/shared/store/run-lease.ts';
import { endedRuns } from '@holdfast/shared/store/runs.ts';
import type { RunRow } from '@holdfast/shared/store/views.ts';
import { type AttemptLog, createAttemptLog, RunLostError, whileLogIsAway } from './attempt-log.ts';
import { createDeltaBatcher } from './delta-batcher.ts';
import { type Ending, whileStoreIsAway, writeEnd } from './end-run.ts';
import type { HeldRun, LeaseKeeper } from './lease-keeper.ts';
import { buildPrompt } from './prompt.ts';
import { classify } from './upstream/classify.ts';
import type { Prompt, Upstream, UpstreamError } from './upstream/upstream.ts';
import { estimateUsage } from './usage.ts';

/** A run whose workers died so often is what kills them. */
const crashesMax = 3;

/** A model that repeats itself for ever must not fill Redis; the longest answers known are a tenth of this. */
export const answerCharsMax = 16_000_000;

/** Wait before another try at the provider, when it names none. */
const retryMsMin = 1_000;
const retryMsMax = 30_000;

/** A provider that asks for a longer wait than this is told to the user instead. */
const retryAfterMsMax = 120_000;

export interface ProcessRunDeps {
  readonly store: Store;
  readonly runLog: RunLogReader & RunLogWriter;
  readonly upstream: Upstream;
  readonly leases: LeaseKeeper;
  readonly logger: Logger;
  readonly workerId: string;
  readonly leaseMs: number;
  /** How often a run is tried again after failures of the provider that may pass. */
  readonly retriesMax: number;
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
  const run = await claimRun(store, runId, deps.workerId, deps.leaseMs);
  if (!run) {
    await repairEnd(runId, deps);
    return done;
  }
  const logger = deps.logger.child({ runId, attempt: run.attempt });
  const held = leases.hold({ runId, attempt: run.attempt }, lockToken);
  const log = createAttemptLog({
    runLog,
    runId,
    attempt: run.attempt,
    lost: held.lost,
    isNewestAttempt: () => whileStoreIsAway(() => isNewestAttempt(store, { runId, attempt: run.attempt })),
    onCancelRequested: () => held.requestStop('cancelled'),
  });
  try {
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
    return await answerRun(run, log, held, { ...deps, logger });
  } catch (error) {
    if (error instanceof RunLogUnavailableError && deps.leaving.aborted) {
      return (await handBack(run, { delayMs: 0, retry: false, usage: null }, deps)) ?? done;
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
  // An attempt whose worker died has told nobody what it cost.
  const usage = run.usage ?? (text === '' ? null : estimateUsage(await promptOf(run, deps.store), text));
  await log.open({ type: 'snapshot', data: { text } }, deps.leaving);
  await writeEnd({ run, ending, text, usage, log, held }, deps);
  return done;
}

const promptOf = (run: RunRow, store: Store): Promise<Prompt> =>
  whileStoreIsAway(() => buildPrompt(store, run));

/** How the provider's answer ended. */
type Answer =
  | { readonly kind: 'finished'; readonly finishReason: FinishReason }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'tooLong' }
  | { readonly kind: 'failed'; readonly error: UpstreamError };

async function answerRun(
  run: RunRow,
  log: AttemptLog,
  held: HeldRun,
  deps: ProcessRunDeps,
): Promise<Processed> {
  const prompt = await promptOf(run, deps.store);
  await log.open(
    run.attempt === 1
      ? { type: 'started', data: { runId: run.id, model: run.model } }
      : { type: 'snapshot', data: { text: '' } },
    deps.leaving,
  );

  const { answer, text, usage } = await streamAnswer(prompt, log, held, deps);
  const settled = usage ?? (text === '' && answer.kind === 'failed' ? null : estimateUsage(prompt, text));
  const endAs = async (ending: Ending): Promise<Processed> => {
    await writeEnd({ run, ending, text, usage: settled, log, held }, deps);
    return done;
  };
  const handBackOrCancel = async (delayMs: number, retry: boolean): Promise<Processed> =>
    (await handBack(run, { delayMs, retry, usage: settled }, deps)) ?? endAs({ status: 'cancelled' });

  // A stop that came while the last words were written: the answer is whole, and the store lets a cancel win if it may.
  if (answer.kind === 'finished') return endAs({ status: 'completed', finishReason: answer.finishReason });
  if (answer.kind === 'tooLong') return endAs({ status: 'failed', failureCode: 'answer_too_long' });
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
  deps.logger.warn({ err: error, failureCode: error.code, mayRetry, delayMs }, 'the provider failed');
  return mayRetry ? handBackOrCancel(delayMs, true) : endAs({ status: 'failed', failureCode: error.code });
}

/** Streams the provider's answer into the log. All deltas are written when this resolves. Throws RunLostError. */
async function streamAnswer(
  prompt: Prompt,
  log: AttemptLog,
  held: HeldRun,
  { upstream, leaving }: ProcessRunDeps,
): Promise<{ answer: Answer; text: string; usage: Usage | null }> {
  let text = '';
  let receivedChars = 0;
  let usage: Usage | null = null;
  let finishReason: FinishReason | null = null;
  const tooLong = new AbortController();
  const batcher = createDeltaBatcher(async (delta) => {
    try {
      await log.append({ type: 'delta', data: { text: delta } }, leaving);
    } catch (error) {
      // Nobody will read what the model says from here on.
      held.requestStop('lost');
      throw error;
    }
    // What is stored is what was logged, to the letter.
    text += delta;
  });

  let failure: UpstreamError | null = null;
  try {
    for await (const chunk of upstream.answer(prompt, AbortSignal.any([held.stop, tooLong.signal]))) {
      if (chunk.usage) usage = chunk.usage;
      if (chunk.finishReason) finishReason = chunk.finishReason;
      if (chunk.text === undefined) continue;
      receivedChars += chunk.text.length;
      if (receivedChars > answerCharsMax) tooLong.abort();
      else batcher.push(chunk.text);
    }
  } catch (error) {
    failure = classify(error);
  }
  await batcher.flush();

  let answer: Answer = { kind: 'stopped' };
  if (failure) answer = { kind: 'failed', error: failure };
  else if (tooLong.signal.aborted) answer = { kind: 'tooLong' };
  else if (finishReason) answer = { kind: 'finished', finishReason };
  return { answer, text, usage };
}

/** Gives the run back to the queue. Null: somebody has stopped it, or it is lost. */
async function handBack(
  run: RunRow,
  how: { delayMs: number; retry: boolean; usage: Usage | null },
  { store }: ProcessRunDeps,
): Promise<Processed | null> {
  const attempt = { runId: run.id, attempt: run.attempt };
  const released = await whileStoreIsAway(() => releaseRun(store, attempt, how));
  return released ? { delayMs: how.delayMs } : null;
}
