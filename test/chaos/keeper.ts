/**
 * Keeps one process alive, as an orchestrator does: whatever ends it, another one is started in its place.
 *
 * starting → up → down → starting … → stopped
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, describe, type Exit } from '../../scripts/services/process.ts';

/** Between an end and the next start: an orchestrator takes its time, too. */
const restartMs = 300;

export interface Crash {
  readonly name: string;
  readonly words: string;
}

export interface Keeper {
  readonly name: string;
  /** The process that is up now. */
  current(): Child | null;
  /** Waits until one is up; null: not within that time. */
  up(forMs: number): Promise<Child | null>;
  /** Ends of processes that this keeper was not told of beforehand. */
  readonly crashes: readonly Crash[];
  /** How many were started. */
  starts(): number;
  /** What ends this process from now on is a fault of the plan. */
  expectEnd(child: Child): void;
  /** Ends the process for good, at once. */
  stop(): Promise<void>;
}

/** Starts it, and again and again. `start` rejects while what it needs is away; it is tried again. */
export function keep(
  name: string,
  start: (signal: AbortSignal) => Promise<Child>,
  onUp: (child: Child) => void = () => {},
): Keeper {
  const stopping = new AbortController();
  const { signal } = stopping;
  const crashes: Crash[] = [];
  const expected = new Set<Child>();
  let child: Child | null = null;
  let starts = 0;

  async function run(): Promise<void> {
    while (!signal.aborted) {
      const next = await start(signal).catch(() => null);
      if (next) {
        starts += 1;
        child = next;
        onUp(next);
        note(next, await next.exited);
        child = null;
      }
      await sleep(restartMs, undefined, { signal }).catch(() => {});
    }
  }

  function note(ended: Child, exit: Exit): void {
    if (expected.has(ended) || signal.aborted) return;
    crashes.push({ name, words: `${describe(exit)}: ${ended.lastWords()}` });
  }

  const done = run();
  return {
    name,
    crashes,
    current: () => child,
    starts: () => starts,
    expectEnd: (ended) => expected.add(ended),
    async up(forMs) {
      for (const deadline = performance.now() + forMs; performance.now() < deadline; await sleep(50)) {
        if (child) return child;
      }
      return child;
    },
    async stop() {
      stopping.abort();
      await child?.kill();
      await done;
    },
  };
}
