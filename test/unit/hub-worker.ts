/** A worker of the hub's world: it holds the run for one attempt, and goes about it as process-run.ts does. */
import { closeLog } from '@holdfast/shared/run-log/close-log.ts';
import { RunLogUnavailableError, type RunLogWriter } from '@holdfast/shared/run-log/run-log.ts';
import { createAttemptLog, RunLostError } from '../../apps/worker/src/attempt-log.ts';
import { type Play, wordsOf } from './hub-play.ts';
import type { WorldStore } from './hub-store.ts';

export const runId = 'run';

export interface WorkerDeps {
  readonly plan: Play;
  readonly runLog: RunLogWriter;
  readonly store: WorldStore;
  readonly turn: () => Promise<void>;
  readonly turns: (count: number) => Promise<void>;
  /** A call to Postgres: it, or its reply, may be lost. */
  readonly toStore: <T>(call: () => T) => Promise<T>;
  /** The lease has run out: somebody else takes the run over. */
  readonly takeOver: () => void;
  /** Everything is written and the end is due: resolves when it may come. */
  readonly endIsDue: () => Promise<void>;
  /** The end stands in Postgres. */
  readonly onEnd: () => void;
}

/** Does one attempt. Throws RunLostError when it was taken over. Returns whether it ended the run. */
export async function work(attempt: number, deps: WorkerDeps): Promise<boolean> {
  const { plan, runLog, store, turn, turns } = deps;
  const own = plan.attempts[attempt - 1];
  if (!own) throw new Error('there is a plan for each attempt');
  const isLast = attempt === plan.attempts.length;
  const lost = new AbortController();
  let stopped = false;

  /** Repeats what Postgres did not answer. */
  async function untilAnswered<T>(call: () => T): Promise<T> {
    for (;;) {
      try {
        return await deps.toStore(call);
      } catch (error) {
        if (!(error instanceof RunLogUnavailableError)) throw error;
      }
    }
  }

  const log = createAttemptLog({
    runLog,
    runId,
    attempt,
    lost: lost.signal,
    isNewestAttempt: () => untilAnswered(() => attempt === store.newest),
    onCancelRequested: () => {
      stopped = true;
    },
  });

  /** Returns whether this worker is dead now. */
  async function leaseRunsOut(written: number): Promise<boolean> {
    if (isLast || written !== own?.takenOverAfter) return false;
    deps.takeOver();
    if (own.dies) return true;
    await turns(own.frozenFor ?? 0);
    // Its lease keeper tells it, sooner or later.
    void turns(2).then(() => lost.abort());
    return false;
  }

  if (await leaseRunsOut(-1)) return false;
  await log.open(
    attempt === 1
      ? { type: 'started', data: { runId, model: 'm' } }
      : { type: 'snapshot', data: { text: '' } },
  );
  if (await leaseRunsOut(0)) return false;
  let text = '';
  for (let seq = 1; seq <= own.deltas && !stopped; seq++) {
    const words = wordsOf(attempt, seq);
    await log.append({ type: 'delta', data: { text: words } });
    text += words;
    if (await leaseRunsOut(seq)) return false;
    // The flag is read with each renewal of the lease, too.
    stopped ||= store.cancelRequested && seq % 3 === 0;
  }
  // It was stopped before its time: nobody has taken it over yet, and nobody will.
  if (isLast) await deps.endIsDue();
  // First Postgres, then the log. A statement whose reply was lost may have been carried out.
  const seq = log.nextSeq;
  const end =
    (await untilAnswered(() => store.end(attempt, seq, text))) ??
    (await untilAnswered(() => (store.ended?.end.id.attempt === attempt ? store.ended.end : null)));
  if (!end) throw new RunLostError('the run is no longer ours to end');
  deps.onEnd();
  await turn();
  if (plan.end === 'appended') await log.append(end.event);
  if (plan.end === 'repaired') {
    await turns(3);
    // One try: readers do not depend on it.
    await closeLog(runLog, runId, end).catch((error: unknown) => {
      if (!(error instanceof RunLogUnavailableError)) throw error;
    });
  }
  return true;
}
