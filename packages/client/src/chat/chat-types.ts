/** What a chat shows and what it can do: the surface of `createChat`, which the React hook and the Vue composable share. */

import type { FailureCode } from '@holdfast/shared/protocol/error-code.ts';
import type { QueuePosition } from '@holdfast/shared/protocol/queue-position.ts';
import type { FinishReason, Usage } from '@holdfast/shared/protocol/run-event.ts';
import type { Client } from '../client.ts';
import type { LiveEvents } from '../live-events.ts';
import type { Readable } from '../store.ts';
import type { Conversation, CreateConversation, PostMessage, Problem, Regenerate } from '../wire.ts';

/**
 * Why something did not work. Branch on `code`, or translate by it:
 *
 * - a code of docs/ERRORS.md: the server refused, or a run failed
 * - `unreachable`: no answer came
 * - `conversation_removed`: it was deleted while it was open, or the user is no longer a member
 * - `http_<status>`: something between answered instead of the server
 * - `unexpected`: a mistake in this library
 */
export interface ChatProblem {
  readonly code:
    | Problem['code']
    | FailureCode
    | 'unreachable'
    | 'conversation_removed'
    | `http_${number}`
    | 'unexpected';
  /** A sentence for people, in English. */
  readonly message: string;
  /** Whether the same may work later: offer to try again. */
  readonly isRetryable: boolean;
  /** Milliseconds since 1970 before which trying again is in vain, as the server said (Retry-After); null: it did not. */
  readonly retryAtMs: number | null;
}

/**
 * sending    on its way to the server
 * waiting    the server cannot be reached; it goes out by itself when that changes, also after a reload
 * rejected   the server refused it: `problem` says why; `retry` or `withdraw`
 * queued     an answer that waits for its turn
 * answering  an answer that is being written
 * completed  whole (a message of a user is so once the server has it)
 * stopped    an answer that somebody stopped
 * failed     an answer that broke off: `problem` says why
 *
 * The first three are of a message that is not stored yet.
 */
export type ChatMessageStatus =
  | 'sending'
  | 'waiting'
  | 'rejected'
  | 'queued'
  | 'answering'
  | 'completed'
  | 'stopped'
  | 'failed';

/** One message as it is shown. The same object as long as nothing of it has changed. */
export interface ChatMessage {
  /** For lists on the page: stays the same when a message that was on its way is stored and gets its id. */
  readonly key: string;
  /** The server's id; of a message that is not stored yet, its key. */
  readonly id: string;
  readonly role: 'user' | 'assistant';
  /** The text so far. */
  readonly text: string;
  readonly status: ChatMessageStatus;
  /** It is not stored yet: sending, waiting or rejected. */
  readonly isPending: boolean;
  /** Who wrote it; null: an answer. `name` is null until it is known, and for those who are no members any more. */
  readonly author: { readonly id: string; readonly name: string | null; readonly isMe: boolean } | null;
  /** Why it was rejected or failed, or why what was last wanted of it (another answer, another wording) was refused. */
  readonly problem: ChatProblem | null;
  /** All versions at its place, the oldest first, and which of them this is, from 1; null: not known yet. */
  readonly siblings: { readonly ids: readonly string[]; readonly position: number } | null;
  /** The run that makes or made it: for `stop`. Null: a message of a user. */
  readonly runId: string | null;
  /** Where it stands in the queue; null: it does not wait, or that is not known. */
  readonly queue: QueuePosition | null;
  readonly model: string | null;
  /** Why the model stopped by itself: `length` means that there is more to say. */
  readonly finishReason: FinishReason | null;
  readonly usage: Usage | null;
  /** From the first worker that took it to its end, in milliseconds; null: not known. See `loadDuration`. */
  readonly durationMs: number | null;
  /** ISO 8601; null while it is not stored. */
  readonly createdAt: string | null;
}

/**
 * idle          nothing is under way
 * queued        an answer waits for its turn: `queue`
 * answering     an answer is being written
 * reconnecting  an answer is under way, but the connection is lost; it goes on by itself
 * stopped       the last answer was stopped
 * failed        the last answer broke off, or the last message was rejected: see its `problem`
 */
export type ChatStatus = 'idle' | 'queued' | 'answering' | 'reconnecting' | 'stopped' | 'failed';

export interface ChatState {
  /** Null: a conversation that is made with the first message. It then changes to the new id: put that into the address. */
  readonly conversationId: string | null;
  /** Null: not read yet, or there is none. */
  readonly conversation: Conversation | null;
  /** The branch that is shown, the oldest first, with what is not stored yet at its end. */
  readonly messages: readonly ChatMessage[];
  readonly status: ChatStatus;
  /** The run that is answered now or next, which `stop` stops; null: none. */
  readonly runId: string | null;
  /** Where that run stands in the queue; null: it does not wait, or that is not known. */
  readonly queue: QueuePosition | null;
  /** Why the conversation could not be read, or the last action not done. What is about one message is told there. */
  readonly problem: ChatProblem | null;
  /** The conversation is being read for the first time. */
  readonly isLoading: boolean;
  /** A request is under way whose answer decides what is shown: an edit, another answer, another version. */
  readonly isBusy: boolean;
  /** There are earlier messages than those in `messages`: see `loadOlder`. */
  readonly hasOlder: boolean;
  /** The connection is lost; it is tried again, and what is written now goes out when it is back. */
  readonly isOffline: boolean;
  /** The user may ask, edit, regenerate and stop: is no reader. */
  readonly canWrite: boolean;
}

/** How a message is to be answered; what is left out is as in the conversation. */
export interface AskOptions extends Omit<PostMessage, 'text'> {
  /** Of the conversation, where this message begins one. */
  readonly conversation?: CreateConversation | undefined;
}

/** All of them may be called at any time; none rejects: what goes wrong is in the state. */
export interface ChatActions {
  /** Shows another conversation (null: an empty one), and reads it. What was there goes on by itself. */
  open(conversationId: string | null): Promise<void>;
  /**
   * Sends a message, which is shown at once, and makes the conversation if there is none yet. It is written down
   * before: however often it is repeated, also by a reload, it arrives once. Resolves to whether the server has taken it
   * (false: refused, or withdrawn), which without a network takes as long as that lasts.
   */
  ask(text: string, options?: AskOptions): Promise<boolean>;
  /** Stops a run (the one that is answered now or next). What was written stays. Resolves to whether it will stop. */
  stop(runId?: string): Promise<boolean>;
  /** Has the prompt of this answer (or this message of a user) answered again, beside the earlier answers. */
  regenerate(messageId: string, options?: Regenerate): Promise<boolean>;
  /** Has this answer gone on with, beside itself: the new one begins with its text. For one that was stopped, failed or cut. */
  continueAnswer(messageId: string, options?: Regenerate): Promise<boolean>;
  /** Sends another wording of a message of a user, which is stored beside it and answered; like `ask` in all else. */
  edit(messageId: string, text: string, options?: Omit<PostMessage, 'text'>): Promise<boolean>;
  /** Shows another version of a message (one of `siblings.ids`), to everybody in the conversation. */
  showVersion(messageId: string, siblingId: string): Promise<boolean>;
  /** Puts earlier messages into `messages`. */
  loadOlder(): Promise<void>;
  /** Tries again what `problem` is about: reads the conversation, or sends what was rejected, with the same keys. */
  retry(): Promise<void>;
  /** Takes back a message that is not stored yet. Returns its text, for the composer; null: there is none (any more). */
  withdraw(messageId: string): string | null;
  /** Takes `problem` away. */
  dismiss(): void;
  /** Finds out the `durationMs` of an answer. */
  loadDuration(messageId: string): Promise<void>;
  /** Follows nothing any more and lets go of everything. */
  close(): void;
}

export interface Chat extends Readable<ChatState>, ChatActions {}

/** Where things are kept over a reload: `sessionStorage` is one. What fails in it is passed over. */
export type KeptStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;

export interface ChatOptions {
  readonly client: Client;
  /** What happens, over the connection that is shared with all tabs; one for all parts of a page. Default: one of its own. */
  readonly events?: LiveEvents | undefined;
  /** Default: `sessionStorage`, where there is one. Null: nothing is kept over a reload. */
  readonly storage?: KeptStorage | null | undefined;
  /** The conversation to open. Default: none, as with null; `open` opens another one. */
  readonly conversationId?: string | null | undefined;
  /** How many messages are shown at first, and how many more with each `loadOlder`. Default: 100. */
  readonly pageSize?: number | undefined;
  /**
   * Told of the conversation that the first message begins in the moment in which it is made. The state tells it with the
   * next frame, and a reload in between would not know what to open.
   */
  readonly onMade?: ((conversation: Conversation) => void) | undefined;
}

export interface SharedChatState
  extends Pick<ChatState, 'messages' | 'status' | 'queue' | 'problem' | 'isLoading' | 'isOffline'> {
  readonly title: string | null;
  /** The link was revoked, or never was; nothing is asked any more. */
  readonly isGone: boolean;
}

/** What is behind a public link, read-only; nobody has to be signed in. */
export interface SharedChat extends Readable<SharedChatState> {
  close(): void;
}

export interface SharedChatOptions {
  readonly client: Client;
  /** Of the link. */
  readonly token: string;
}
