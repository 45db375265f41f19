/** Sends what somebody has written, once, whatever breaks on the way: see `Pending`. */
import type { AcceptedMessage, Client, Conversation } from '@holdfast/client';
import { type Pending, pendings } from './saved.ts';
import { codeOf, isRetryable, sentenceOf } from './sentences.ts';
import type { Outgoing } from './thread-view.ts';

export interface OutboxParts {
  readonly client: Client;
  readonly show: (message: Outgoing | null) => void;
  /** The conversation that the message begins was made. */
  readonly onMade: (conversation: Conversation) => void;
  readonly onAccepted: (accepted: AcceptedMessage) => void;
  /** The server will not take the text as it is. */
  readonly onRejected: (text: string, sentence: string) => void;
}

export interface Outbox {
  /** Sends what is pending in a conversation (null: in a new one) and shows it on its way. */
  deliver(conversationId: string | null, signal: AbortSignal): Promise<void>;
}

export function createOutbox({ client, show, onMade, onAccepted, onRejected }: OutboxParts): Outbox {
  async function deliver(conversationId: string | null, signal: AbortSignal): Promise<void> {
    const pending = pendings.get(conversationId);
    if (!pending) return;
    let id = conversationId;
    show({ text: pending.text, status: 'sending', surroundings: {} });
    try {
      id ??= await begin(pending, signal);
      const key = { idempotencyKey: pending.messageKey, signal };
      const accepted = await client.postMessage(id, { text: pending.text }, key);
      pendings.set(id, null);
      show(null);
      onAccepted(accepted);
    } catch (error) {
      // Whoever signs in again finds it where it was, and so does whoever comes back.
      if (signal.aborted || codeOf(error) === 'unauthenticated') return;
      const sentence = sentenceOf(error);
      if (isRetryable(error)) {
        const again = { testId: 'retry', label: 'Try again', run: () => void deliver(id, signal) } as const;
        show({ text: pending.text, status: 'failed', surroundings: { sentence, actions: [again] } });
      } else {
        pendings.set(id, null);
        show(null);
        onRejected(pending.text, sentence);
      }
    }
  }

  async function begin(pending: Pending, signal: AbortSignal): Promise<string> {
    const key = { idempotencyKey: pending.conversationKey, signal };
    const conversation = await client.createConversation({}, key);
    // In this order: a reload in between finds it under one of the two, and the same keys lead to the same.
    pendings.set(conversation.id, pending);
    pendings.set(null, null);
    onMade(conversation);
    return conversation.id;
  }

  return { deliver };
}
