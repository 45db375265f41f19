/** Postgres, as far as the hub's world needs it: one run, whose it is, and how it ended. */
import type { RunEnd, TerminalEvent } from '@holdfast/shared/protocol/run-event.ts';
import type { EndedRun } from '@holdfast/shared/store/runs.ts';

export interface WorldStore {
  /** The attempt that may write and end. */
  readonly newest: number;
  readonly cancelRequested: boolean;
  readonly ended: EndedRun | null;
  /** Begins the next attempt; null when the run has ended. */
  claim(): number | null;
  /** Unless the run has ended. */
  requestCancel(): void;
  /** Ends the run, or returns null when this attempt is not the newest one or the run has ended. A cancel wins. */
  end(attempt: number, seq: number, text: string): RunEnd | null;
}

export function createWorldStore(): WorldStore {
  let newest = 0;
  let cancelRequested = false;
  let ended: EndedRun | null = null;
  return {
    get newest() {
      return newest;
    },
    get cancelRequested() {
      return cancelRequested;
    },
    get ended() {
      return ended;
    },
    claim() {
      if (ended) return null;
      newest += 1;
      return newest;
    },
    requestCancel() {
      if (!ended) cancelRequested = true;
    },
    end(attempt, seq, text) {
      if (attempt !== newest || ended) return null;
      const event: TerminalEvent = cancelRequested
        ? { type: 'cancelled', data: { messageId: 'm', usage: null } }
        : { type: 'completed', data: { messageId: 'm', finishReason: 'stop', usage: null } };
      ended = { end: { id: { attempt, seq }, event }, text };
      return ended.end;
    },
  };
}
