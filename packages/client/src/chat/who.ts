/** Who is signed in, and what was kept for them. */
import type { LiveEvents } from '../live-events.ts';
import type { KeptStorage } from './chat-types.ts';
import { createKept, type Kept } from './kept.ts';

/** Somebody, and what was kept for them. */
interface Known {
  readonly id: string;
  readonly name: string;
  readonly kept: Kept;
}

export interface Who {
  /** Null: not known yet. */
  readonly known: Known | null;
  /** Finds out; rejects when nobody is signed in or the server cannot be reached. */
  kept(): Promise<Kept>;
}

/** `onKnown` is called once. */
export function createWho(parts: {
  readonly events: Pick<LiveEvents, 'user'>;
  readonly storage: KeptStorage | null;
  readonly onKnown: (kept: Kept) => void;
}): Who {
  let known: Known | null = null;
  return {
    get known() {
      return known;
    },
    async kept() {
      const { id, name } = await parts.events.user();
      if (!known) {
        known = { id, name, kept: createKept(parts.storage, id) };
        parts.onKnown(known.kept);
      }
      return known.kept;
    },
  };
}
