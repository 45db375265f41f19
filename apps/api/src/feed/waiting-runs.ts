/** The waiting runs of one user whose positions one connection to `/api/events` tells. */
import type { Positions } from '../queue/positions.ts';

/** Nobody looks at more places in a queue than this: of more waiting runs, those that were seen first are told. */
export const watchedMax = 50;

export interface WaitingRuns {
  watch(run: { readonly id: string; readonly conversationId: string }): void;
  /** The run does not wait any more. */
  forget(runId: string): void;
  leave(conversationId: string): void;
  leaveAll(): void;
}

interface WaitingRun {
  readonly conversationId: string;
  stop: (() => void) | null;
}

/** `tell` gets the data of a `run.position`, encoded. */
export function createWaitingRuns(
  positions: Pick<Positions, 'watch'>,
  tell: (json: string) => void,
): WaitingRuns {
  /** In the order in which they came: the first `watchedMax` are watched, and have a `stop`. */
  const waiting = new Map<string, WaitingRun>();
  let watchedCount = 0;

  function begin(runId: string, run: WaitingRun): void {
    const { conversationId } = run;
    watchedCount += 1;
    run.stop = positions.watch(runId, ({ position, estimatedMs }) =>
      tell(JSON.stringify({ conversationId, runId, position, estimatedMs })),
    );
  }

  function drop(runId: string): void {
    const run = waiting.get(runId);
    waiting.delete(runId);
    if (!run?.stop) return;
    run.stop();
    watchedCount -= 1;
  }

  /** Watches those that come next, where others have left. */
  function moveUp(): void {
    if (watchedCount >= Math.min(watchedMax, waiting.size)) return;
    for (const [runId, run] of waiting) {
      if (!run.stop) begin(runId, run);
      if (watchedCount >= watchedMax) return;
    }
  }

  return {
    watch({ id: runId, conversationId }) {
      if (waiting.has(runId)) return;
      waiting.set(runId, { conversationId, stop: null });
      moveUp();
    },
    forget(runId) {
      drop(runId);
      moveUp();
    },
    leave(conversationId) {
      for (const [runId, run] of waiting) if (run.conversationId === conversationId) drop(runId);
      moveUp();
    },
    leaveAll() {
      for (const runId of waiting.keys()) drop(runId);
    },
  };
}
