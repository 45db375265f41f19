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
