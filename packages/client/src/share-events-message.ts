/** What tabs that share a connection say to each other; see share-events.ts. */
import type { FollowState } from './follow.ts';
import type { ReceivedLiveEvent } from './follow-events.ts';
import type { KnownAnswer } from './share-known-answers.ts';

/** To the tab that leads: carry the runs of these conversations. `isNew`: tell me where I begin. */
export interface WantMessage {
  readonly kind: 'want';
  readonly tab: string;
  readonly follow: readonly string[];
  readonly isNew: boolean;
}

/** I lead, and the events have come so far. `answers`: what is known of those under way, for `to` to begin with. */
export interface LeadMessage {
  readonly kind: 'lead';
  readonly term: number;
  readonly to: string | null;
  readonly cursor: string | null;
  readonly state: FollowState | null;
  readonly answers: ReadonlyMap<string, KnownAnswer> | null;
}

export type ShareMessage =
  | WantMessage
  | LeadMessage
  | { readonly kind: 'leave'; readonly tab: string }
  | {
      readonly kind: 'event';
      readonly term: number;
      readonly event: ReceivedLiveEvent;
      /** Only the place that it brings counts. */
      readonly isQuiet: boolean;
    }
  | { readonly kind: 'state'; readonly term: number; readonly state: FollowState };

/** Only this code posts to the channel; what a tab with another version of it says is passed over. */
export function isMessage(data: unknown): data is ShareMessage {
  const { kind } = (data ?? {}) as { kind?: unknown };
  return kind === 'want' || kind === 'leave' || kind === 'lead' || kind === 'event' || kind === 'state';
}
