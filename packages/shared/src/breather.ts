import { setImmediate } from 'node:timers/promises';

/** A process has others to serve: nobody notices a pause of this length. */
const workMs = 10;

/** Cuts long work into pieces: `if (breather.isDue()) await breather.pause()`. */
export interface Breather {
  /** Whether the work has taken long enough. */
  isDue(): boolean;
  /** Lets everything else that waits have its turn. */
  pause(): Promise<void>;
}

export function createBreather(): Breather {
  let since = performance.now();
  return {
    isDue: () => performance.now() - since > workMs,
    async pause() {
      await setImmediate();
      since = performance.now();
    },
  };
}
