/** Who is signed in, and what was kept for them. */
import type { LiveEvents } from '../live-events.ts';
import type { KeptStorage } from './chat-types.ts';
import { createKept, type Kept } from './kept.ts';

export interface Who {
  /** Null: not known yet. */
  readonly userId: string | null;
  readonly name: string | null;
  readonly known: Kept | null;
  /** Finds out; rejects when nobody is signed in or the server cannot be reached. */
  kept(): Promise<Kept>;
}

/** `onKnown` is called once. */
export function createWho(parts: {
  readonly events: Pick<LiveEvents, 'user'>;
  readonly storage: KeptStorage | null;
  readonly onKnown: (kept: Kept) => void;
}): Who {
  let known: { readonly id: string; readonly name: string; readonly kept: Kept } | null = null;
  return {
    get userId() {
      return known?.id ?? null;
    },
    get name() {
      return known?.name ?? null;
    },
    get known() {
      return known?.kept ?? null;
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
