/**
 * Reads one thing again and again without ever showing an older state after a newer one. Calls that come while a read is
 * under way are answered by one more read together.
 */
export interface Reader {
  /** Rejects as `ask` does. */
  read<T>(ask: () => Promise<T>, show: (answer: T) => void): Promise<void>;
  /** What is being read is older than what is shown now: it is not shown, and read again. */
  outdate(): void;
}

export function createReader(): Reader {
  let wanted = 0;
  let epoch = 0;
  let reading: Promise<void> | null = null;

  return {
    async read(ask, show) {
      wanted += 1;
      if (reading) return reading;
      reading = (async () => {
        try {
          for (;;) {
            const asked = { wanted, epoch };
            const answer = await ask();
            if (asked.epoch === epoch) show(answer);
            if (asked.epoch === epoch && asked.wanted === wanted) return;
          }
        } finally {
          reading = null;
        }
      })();
      return reading;
    },
    outdate() {
      epoch += 1;
    },
  };
}
