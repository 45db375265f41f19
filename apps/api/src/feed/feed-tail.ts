/**
 * The end of one user's feed, as all connections of this user in this process wait for it. It knows nothing of events: it
 * passes on the signs that there may be more, and lets connections at the same position share what is read.
 */
import type { ToldUserEvent } from '@holdfast/shared/store/user-feed-events.ts';

export interface FeedPage {
  readonly head: number;
  readonly trimmedTo: number;
  readonly events: readonly ToldUserEvent[];
  /** The position after this page: events may have been left out. */
  readonly end: number;
  readonly more: boolean;
}

export interface FeedTail {
  /** Rises with each sign that the feed has grown. Take it before `read`: what comes during the read is not in it. */
  readonly signs: number;
  /** Resolves at the first sign after `signs`, or when the signal is aborted. */
  whenGrown(signs: number, stopped: AbortSignal): Promise<void>;
  /** The events after a position. Rejects when Postgres does not answer. */
  read(after: number): Promise<FeedPage>;
  /** A sign. */
  grow(): void;
}

export function createFeedTail(readPage: (after: number) => Promise<FeedPage>): FeedTail {
  let signs = 0;
  let waiting = new Set<() => void>();
  let reading: { after: number; signs: number; page: Promise<FeedPage> } | null = null;

  return {
    get signs() {
      return signs;
    },
    whenGrown(since, stopped) {
      if (signs !== since || stopped.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const done = () => {
          waiting.delete(done);
          stopped.removeEventListener('abort', done);
          resolve();
        };
        waiting.add(done);
        stopped.addEventListener('abort', done);
      });
    },
    read(after) {
      // Ten tabs hear the same sign in the same moment. A read that began before the sign may lack what it stands for.
      if (reading?.after === after && reading.signs === signs) return reading.page;
      const mine = { after, signs, page: readPage(after) };
      reading = mine;
      const forget = () => {
        if (reading === mine) reading = null;
      };
      mine.page.then(forget, forget);
      return mine.page;
    },
    grow() {
      signs += 1;
      const woken = waiting;
      waiting = new Set();
      for (const wake of woken) wake();
    },
  };
}
