/** What is decided before the hub's world begins to move: who does what, what goes wrong, and whose turn it is when. */
import type { EventId } from '@holdfast/shared/protocol/event-id.ts';
import type { ReaderPlan } from './hub-reader.ts';

export interface AttemptPlan {
  readonly deltas: number;
  /** When the next attempt takes the run over: after so many deltas, or before the opening is written (-1). */
  readonly takenOverAfter: number;
  /** A worker that was taken over has died, or goes on until it notices. */
  readonly dies: boolean;
  /** Turns for which it was frozen, when it goes on: until then nothing of it moves. */
  readonly frozenFor: number | null;
}

export interface Play {
  readonly seed: number;
  readonly faultsUntil: number;
  /** The last one ends the run. */
  readonly attempts: readonly AttemptPlan[];
  /** Turns after which somebody stops the run; null: nobody does. */
  readonly cancelAfter: number | null;
  /**
   * What becomes of the terminal event once the end stands in Postgres. unappended: the worker dies before it is in the
   * log. repaired: and whoever is woken next appends it. away: from here on no call reaches the log.
   */
  readonly end: 'appended' | 'unappended' | 'repaired' | 'away';
  readonly readers: readonly ReaderPlan[];
  readonly losses: readonly ('log' | 'tail')[];
  /** Things come in any order, but nothing is lost, nothing breaks, and the clock stands still. */
  readonly lossless?: boolean;
}

/** Draws from the choices of a play: below `n`, or 0 as soon as the world is calm. */
export type Choose = (n: number) => number;

export function createChoose({ seed, faultsUntil }: Play): { choose: Choose; isCalm: () => boolean } {
  let state = seed;
  let drawn = 0;
  return {
    isCalm: () => drawn >= faultsUntil,
    // mulberry32
    choose(n) {
      if (drawn++ >= faultsUntil) return 0;
      state = (state + 0x6d2b79f5) | 0;
      let t = Math.imul(state ^ (state >>> 15), 1 | state);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) % n;
    },
  };
}

export const wordsOf = (attempt: number, seq: number): string => `${attempt}.${seq} `;

/** The text that a reader must have right after this opening, delta or snapshot; undefined where there can be none. */
export type TextAt = (id: EventId) => string | undefined;

export function textAtOf(attempts: readonly AttemptPlan[]): TextAt {
  return ({ attempt, seq }) => {
    const plan = attempts[attempt - 1];
    if (!plan || seq > plan.deltas) return undefined;
    return Array.from({ length: seq }, (_, n) => wordsOf(attempt, n + 1)).join('');
  };
}
