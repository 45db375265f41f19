/** What a list of conversations shows and what it can do: the surface of `createConversationList`. */

import type { Client } from '../client.ts';
import type { LiveEvents } from '../live-events.ts';
import type { Readable } from '../store.ts';
import type { Conversation, FoundConversation } from '../wire.ts';
import type { ChatProblem } from './chat-types.ts';

/** A conversation that is about to be deleted; until then `undoRemove` brings it back. */
export interface RemovedConversation {
  readonly conversation: FoundConversation;
  /** Milliseconds since 1970. */
  readonly untilMs: number;
}

export interface ConversationListState {
  /** What is searched for; blank: everything is listed. */
  readonly q: string;
  /** Those that are archived are shown, instead of those that are not. */
  readonly archived: boolean;
  /** Pinned first, then the one that changed last; of a search, with what was found (`match`). */
  readonly conversations: readonly FoundConversation[];
  /** The ids of those that are being answered or wait for it, as far as this page has heard since it was loaded. */
  readonly answering: readonly string[];
  /** There are more: see `loadMore`. */
  readonly hasMore: boolean;
  /** What is shown is not yet what was asked for. */
  readonly isLoading: boolean;
  /** Why it could not be read, or the last change not made. */
  readonly problem: ChatProblem | null;
  /** What can still be brought back, the newest last. */
  readonly removed: readonly RemovedConversation[];
}

/** All of them may be called at any time; none rejects: what goes wrong is in the state. A change is shown at once. */
export interface ConversationListActions {
  /** Lists what has all these words, after a short pause in the typing. */
  search(q: string): void;
  showArchived(archived: boolean): void;
  loadMore(): Promise<void>;
  /** Reads it again. Not needed for what happens elsewhere: that comes by itself. */
  refresh(): Promise<void>;
  /** `null`: no title, so that the model writes one after the next answer. Resolves to the conversation; null: refused. */
  rename(conversationId: string, title: string | null): Promise<Conversation | null>;
  pin(conversationId: string, pinned: boolean): Promise<Conversation | null>;
  archive(conversationId: string, archived: boolean): Promise<Conversation | null>;
  /** Takes it out of the list at once, and deletes it for everybody after a few seconds, or when the page is left. */
  remove(conversationId: string): void;
  /** Brings it back, as long as it is in `removed`. */
  undoRemove(conversationId: string): void;
  /** Takes `problem` away. */
  dismiss(): void;
  /** Deletes what is in `removed` now, and lets go of everything. */
  close(): void;
}

export interface ConversationList extends Readable<ConversationListState>, ConversationListActions {}

export interface ConversationListOptions {
  readonly client: Client;
  /** As in `ChatOptions`. */
  readonly events?: LiveEvents | undefined;
  /** How many conversations a page has, from 1 to 100. Default: 30. */
  readonly pageSize?: number | undefined;
  /** How long a removal can be undone, in milliseconds. Default: 7,000. */
  readonly undoMs?: number | undefined;
}
