/**
 * What happens in all conversations of the user, and the answers of the conversation on the screen, over the one
 * connection that all tabs share. It goes on through lost connections and closed tabs by itself.
 */
import type { Client, FollowState, LiveEvent } from '@holdfast/client';
import { type KeptEvents, type SharedEvents, shareEvents } from '@holdfast/client/chat';

export interface LiveParts {
  readonly client: Client;
  readonly userId: () => string;
  readonly onEvent: (event: LiveEvent) => void;
  /** Null: there is no connection, and none is wanted. */
  readonly onState: (state: FollowState | null) => void;
}

export interface Live {
  /** Carries the answers of this conversation (null: of none) from now on. `kept`: where a reload goes on. */
  follow(conversationId: string | null, kept: KeptEvents | null): void;
  /** How far the events have come; null: before the first. */
  readonly cursor: string | null;
  /** Ends it and forgets how far it had come: another user begins anew. */
  stop(): void;
}

export function createLive({ client, userId, onEvent, onState }: LiveParts): Live {
  let shared: SharedEvents | null = null;

  return {
    follow(conversationId, kept) {
      shared ??= shareEvents({ events: client.events, name: `holdfast:${userId()}`, onEvent, onState });
      shared.follow(conversationId === null ? [] : [conversationId], kept);
    },
    get cursor() {
      return shared?.cursor ?? null;
    },
    stop() {
      shared?.stop();
      shared = null;
      onState(null);
    },
  };
}
