/**
 * The form of everything that changes and is shown: a state to look at and a way to be told that there is another one.
 * It is what React's useSyncExternalStore, Vue's shallowRef and Svelte's stores ask for.
 */
export interface Readable<State> {
  /** The state as it is now. Never changed in place: the same object as long as nothing has changed, and parts of it, too. */
  getState(): State;
  /** Calls `listener` after changes, at most once per frame of the screen. Returns how to stop that. */
  subscribe(listener: () => void): () => void;
}

export interface Store<State> extends Readable<State> {
  /** What `compute` reads has changed. */
  changed(): void;
  /** Tells nobody anything any more. */
  close(): void;
}

/** A hidden page gets no frames, but its title may tell that the answer is there. */
const hiddenFrameMs = 250;

/**
 * Makes a store whose state is computed when somebody looks, and at most once after each change: an answer of a
 * hundred events a second costs one look per frame.
 *
 * @param compute the state, given the one before, of which it keeps what is still true
 */
export function createStore<State>(compute: (before: State | null) => State): Store<State> {
  const listeners = new Set<() => void>();
  let state: State | null = null;
  let isStale = true;
  let cancel: (() => void) | null = null;

  function tell(): void {
    cancel?.();
    cancel = null;
    for (const listener of listeners) listener();
  }

  return {
    getState() {
      if (isStale || state === null) {
        isStale = false;
        state = compute(state);
      }
      return state;
    },
    subscribe(listener) {
      // Wrapped, so that the same function may listen twice and each can stop.
      const one = () => listener();
      listeners.add(one);
      return () => listeners.delete(one);
    },
    changed() {
      isStale = true;
      cancel ??= soon(tell);
    },
    close() {
      cancel?.();
      cancel = null;
      listeners.clear();
    },
  };
}

/** Calls back with the next frame, or as the next task where there are none (not in a browser). Returns how to cancel. */
function soon(call: () => void): () => void {
  const { requestAnimationFrame, cancelAnimationFrame } = globalThis as Partial<typeof globalThis>;
  const timer = setTimeout(call, requestAnimationFrame ? hiddenFrameMs : 0);
  const frame = requestAnimationFrame?.(call);
  return () => {
    clearTimeout(timer);
    if (frame !== undefined) cancelAnimationFrame?.(frame);
  };
}

/**
 * `next`, with everything that `before` already said left as the very same object, at any depth: whoever compares by
 * identity sees what has changed. What is neither an array nor a plain object is taken as it is.
 */
export function keepSame<T>(before: unknown, next: T): T {
  if (before === next || !isPlain(before) || !isPlain(next)) return next;
  const names = Object.keys(next);
  let isSame = Array.isArray(before) === Array.isArray(next) && names.length === Object.keys(before).length;
  const values = names.map((name) => {
    const value = keepSame(before[name], next[name]);
    if (value !== before[name] || !Object.hasOwn(before, name)) isSame = false;
    return value;
  });
  // Not by assignment, by which `__proto__` would become another thing.
  const kept = Array.isArray(next) ? values : Object.fromEntries(names.map((name, at) => [name, values[at]]));
  return (isSame ? before : kept) as T;
}

function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}
