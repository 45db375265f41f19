/**
 * What happens in all conversations of the user, for all parts of a page, over the one connection that all tabs of the
 * browser share (see share-events.ts). It begins with the first `follow` and goes on through lost connections and
 * closed tabs by itself.
 */
import type { CurrentUser } from '@holdfast/shared/http/schemas.ts';
import type { Client } from './client.ts';
import type { FollowState } from './follow.ts';
import type { ReceivedLiveEvent } from './follow-events.ts';
import type { KeptEvents } from './share-known-answers.ts';

export interface LiveEventsOptions {
  readonly client: Client;
  /** Who is signed in. Default: it is asked for (`client.me`). Make new live events for another user. */
  readonly user?: CurrentUser | undefined;
}

export interface LiveEvents {
  /** Who is signed in; rejects when nobody is, and asks again the next time. */
  user(): Promise<CurrentUser>;
  /** Calls `listener` with each event. Returns how to stop that. */
  listen(listener: (event: ReceivedLiveEvent) => void): () => void;
  /** Calls `listener` with each change of the state, and at once with the one it has. Returns how to stop that. */
  watch(listener: (state: FollowState | null) => void): () => void;
  /**
   * Carries the run events of this conversation from now on, too (null: of none); `owner` is who wants it, and wants one at
   * a time. `kept`: what a reload has kept; it counts for the first call of all only.
   */
  follow(owner: object, conversationId: string | null, kept?: KeptEvents | null): void;
  /** `owner` wants nothing any more. */
  release(owner: object): void;
  /** How far the events have come; null: nothing has. */
  readonly cursor: string | null;
  /** Null: there is no connection, and none is tried. */
  readonly state: FollowState | null;
  /** Ends it for good. */
  stop(): void;
}
