/**
 * A clock for models: time stands still until it is told to move on. Cheaper than vitest's, and without vitest, so that a
 * program can use it.
 */

interface Timer {
  readonly number: number;
  at: number;
  readonly everyMs: number | null;
  readonly ring: () => void;
}

export interface Clock {
  /** Moves on by so many milliseconds; what is due rings in order. */
  advance(ms: number): void;
  /** Forgets all timers: of a world that has come to its end. */
  clear(): void;
  /** Gives the real clock back. */
  uninstall(): void;
}

/** Puts a clock that stands still in the place of timers and `performance.now` of this process; `setImmediate` stays real. */
export function installClock(): Clock {
  const { setTimeout, clearTimeout, setInterval, clearInterval } = globalThis;
  const now = performance.now;
  const timers = new Map<number, Timer>();
  let time = 0;
  let numbers = 0;

  function start(ring: () => void, ms: number, everyMs: number | null): object {
    const timer: Timer = { number: ++numbers, at: time + ms, everyMs, ring };
    timers.set(timer.number, timer);
    return { number: timer.number, unref: () => undefined };
  }
  const stop = (handle?: { number: number }) => void (handle && timers.delete(handle.number));

  Object.assign(globalThis, {
    setTimeout: (ring: () => void, ms = 0) => start(ring, ms, null),
    setInterval: (ring: () => void, ms = 0) => start(ring, ms, ms),
    clearTimeout: stop,
    clearInterval: stop,
  });
  performance.now = () => time;

  return {
    advance(ms) {
      const until = time + ms;
      for (;;) {
        let next: Timer | null = null;
        for (const timer of timers.values()) {
          if (timer.at <= until && (next === null || timer.at < next.at)) next = timer;
        }
        if (!next) break;
        time = next.at;
        if (next.everyMs === null) timers.delete(next.number);
        else next.at += next.everyMs;
        next.ring();
      }
      time = until;
    },
    clear: () => timers.clear(),
    uninstall() {
      Object.assign(globalThis, { setTimeout, clearTimeout, setInterval, clearInterval });
      performance.now = now;
    },
  };
}
