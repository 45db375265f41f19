/**
 * A chat, or a list, for as long as somebody subscribes: what the bindings of frameworks stand on. Frameworks render
 * without mounting, and mount twice to find mistakes; so nothing is opened before the first subscription, and nothing is
 * closed before the last one has been gone for a moment.
 */
import type { Readable } from '../store.ts';

interface Closable<State> extends Readable<State> {
  close(): void;
}

export interface Held<T extends Closable<State>, State> extends Readable<State> {
  /** What is held; made now, if it was not. */
  get(): T;
}

/**
 * @param make makes what is held, to go on from a state: `initial`, or the last one of what was held before
 * @param initial the state before anything was made
 */
export function hold<State, T extends Closable<State>>(
  make: (state: State) => T,
  initial: State,
): Held<T, State> {
  let state = initial;
  let held: T | null = null;
  let subscriptions = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function get(): T {
    held ??= make(state);
    return held;
  }

  return {
    get,
    getState: () => held?.getState() ?? state,
    subscribe(listener) {
      clearTimeout(timer);
      subscriptions += 1;
      const unsubscribe = get().subscribe(listener);
      let isOver = false;
      return () => {
        if (isOver) return;
        isOver = true;
        unsubscribe();
        subscriptions -= 1;
        if (subscriptions > 0) return;
        timer = setTimeout(() => {
          // It may be shown again: React hides and shows what an <Activity> holds.
          if (held) state = held.getState();
          held?.close();
          held = null;
        });
      };
    },
  };
}

/** Functions of what is held, which stay the same and do their work on what is held then. */
export function actionsOf<State, T extends Closable<State>, Name extends keyof T>(
  held: Held<T, State>,
  names: readonly Name[],
): Pick<T, Name> {
  const call =
    (name: Name) =>
    (...parts: unknown[]) =>
      (held.get()[name] as (...parts: unknown[]) => unknown)(...parts);
  return Object.fromEntries(names.map((name) => [name, call(name)])) as Pick<T, Name>;
}
