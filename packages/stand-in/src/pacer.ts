/** The waiting of one answer: one timer at most, and every wait ends when the connection does. */
import type { ServerResponse } from 'node:http';

export type Pacer = ReturnType<typeof createPacer>;

/**
 * Follows one response. Every method resolves to false once the connection is gone; then nothing more is to be written.
 */
export function createPacer(response: ServerResponse) {
  let wake: (() => void) | null = null;
  let timer: NodeJS.Timeout | undefined;
  const alive = (): boolean => !response.destroyed && !response.writableEnded;
  // Without this, an answer whose reader went away would hold its timer and its text until the end of its script.
  response.once('close', () => wake?.());

  const until = (start: (done: () => void) => void): Promise<boolean> =>
    new Promise((resolve) => {
      if (!alive()) return resolve(false);
      const done = () => {
        clearTimeout(timer);
        wake = null;
        resolve(alive());
      };
      wake = done;
      start(done);
    });

  return {
    /** Waits this many milliseconds. */
    wait(ms: number): Promise<boolean> {
      return until((done) => {
        timer = setTimeout(done, ms);
      });
    },

    /** Waits for the connection to go; for a stall. */
    async gone(): Promise<void> {
      await until(() => {});
    },

    /**
     * Writes and, when the reader does not keep up, waits for it: an answer of 10 MB may not sit in this process'
     * memory once per reader. Otherwise it lets the other answers have their turn.
     */
    write(text: string): Promise<boolean> {
      return until((done) => {
        if (response.write(text)) setImmediate(done);
        else response.once('drain', done);
      });
    },
  };
}
