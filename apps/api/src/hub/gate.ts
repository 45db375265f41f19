/** Lets at most so many tasks run at a time; the others wait in order. */
export type Gate = <T>(task: () => Promise<T>) => Promise<T>;

/** Makes a gate for `tasksMax` concurrent tasks. */
export function createGate(tasksMax: number): Gate {
  const waiting: (() => void)[] = [];
  let running = 0;

  return async (task) => {
    if (running >= tasksMax) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await task();
    } finally {
      // The place goes to the next in line directly: nobody who comes now can take it.
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}
