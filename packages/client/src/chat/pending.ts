/** A message that somebody has written and that is not stored yet. */
import type { CreateConversation, PostMessage } from '../wire.ts';
import type { ChatProblem } from './chat-types.ts';

/**
 * As it is written down before the first request, so that a retry or a reload sends the very same keys and the server
 * makes one conversation and one message of them.
 */
export interface Pending {
  /** The Idempotency-Key of the message. */
  readonly key: string;
  /**
   * Those of the same lane go out one after the other: the id of a conversation, or the Idempotency-Key of the one that
   * the lane begins.
   */
  readonly lane: string;
  /** Null: it is yet to be made. */
  readonly conversationId: string | null;
  /** How it is made. */
  readonly conversation: CreateConversation;
  readonly body: PostMessage;
  /** The message of which it is another wording; null: it stands behind all others. */
  readonly editOf: string | null;
  /** The message behind which it was written; null: none. */
  readonly after: string | null;
  /** When it was written, in milliseconds since 1970; later than all that were written here before. */
  readonly order: number;
  /** Why the server refused it; null: it has not. Then only a person sends it again. */
  readonly problem: ChatProblem | null;
}

/** And what has become of it so far. */
export interface Outgoing {
  readonly pending: Pending;
  readonly status: 'sending' | 'waiting' | 'rejected';
  /** Why it waits or was rejected. */
  readonly problem: ChatProblem | null;
  /** Whether it may have reached the server. */
  readonly wasTried: boolean;
}

/** Whether what was read from a storage is one. */
export function isPending(value: unknown): value is Pending {
  if (typeof value !== 'object' || value === null) return false;
  const { key, lane, body, order } = value as Partial<Record<keyof Pending, unknown>>;
  return (
    [key, lane].every((one) => typeof one === 'string') &&
    typeof order === 'number' &&
    typeof (body as Partial<PostMessage> | null)?.text === 'string'
  );
}
