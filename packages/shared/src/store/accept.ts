/** Accepting work: what is committed here is kept and answered, whoever dies next. */
import { sql, type Transaction } from 'kysely';
import { AppError, notFound } from '../errors.ts';
import type { Parameters } from '../http/parameters.ts';
import type { AcceptedMessage, PostMessage, Regenerate, RunView } from '../http/schemas.ts';
import { v7Id } from '../id.ts';
import type { Store } from './database.ts';
import { type IdempotentRequest, once } from './idempotency.ts';
import type { Database } from './schema.ts';
import { type ConversationRow, toMessage, toRunView } from './views.ts';

/** `repeated`: the idempotency key was known, and this is what the first request got. */
export interface Accepted<T> {
  readonly result: T;
  readonly repeated: boolean;
}

/**
 * Stores a user's message and a queued run that will answer it, in one transaction and once per idempotency key.
 * Throws `conversation_not_found`, `conversation_busy`, `idempotency_key_reused`.
 */
export function acceptMessage(
  db: Store,
  request: IdempotentRequest,
  conversationId: string,
  input: PostMessage,
  defaultModel: string,
): Promise<Accepted<AcceptedMessage>> {
  return once(db, request, async (trx) => {
    const conversation = await lockIdleConversation(trx, request.userId, conversationId);
    const message = await trx
      .insertInto('messages')
      .values({
        id: v7Id(),
        conversation_id: conversation.id,
        parent_id: conversation.leaf_id,
        role: 'user',
        text: input.text,
        run_id: null,
        status: 'completed',
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    const run = await insertRun(trx, request.userId, conversation, message.id, input, defaultModel);
    return { message: toMessage(message), run };
  });
}

/**
 * Stores a queued run that answers again: `messageId` is the answer to replace, or the user's message to answer. The
 * earlier answers stay as siblings. Throws `message_not_found`, `conversation_busy`, `idempotency_key_reused`.
 */
export function acceptRegenerate(
  db: Store,
  request: IdempotentRequest,
  messageId: string,
  input: Regenerate,
  defaultModel: string,
): Promise<Accepted<{ run: RunView }>> {
  return once(db, request, async (trx) => {
    const message = await trx
      .selectFrom('messages')
      .innerJoin('conversations', 'conversations.id', 'messages.conversation_id')
      .select(['messages.id', 'messages.parent_id', 'messages.role', 'messages.conversation_id'])
      .where('messages.id', '=', messageId)
      .where('conversations.user_id', '=', request.userId)
      .executeTakeFirst();
    const promptId = message?.role === 'assistant' ? message.parent_id : message?.id;
    if (!message || !promptId) throw notFound('message');
    const conversation = await lockIdleConversation(trx, request.userId, message.conversation_id);
    return { run: await insertRun(trx, request.userId, conversation, promptId, input, defaultModel) };
  });
}

/**
 * Locks the conversation until the transaction ends: two messages that arrive together are taken one after the other,
 * and the second one sees the first one's run.
 */
async function lockIdleConversation(
  trx: Transaction<Database>,
  userId: string,
  conversationId: string,
): Promise<ConversationRow> {
  const conversation = await trx
    .selectFrom('conversations')
    .selectAll()
    .where('id', '=', conversationId)
    .where('user_id', '=', userId)
    .forUpdate()
    .executeTakeFirst();
  if (!conversation) throw notFound('conversation');
  const busy = await trx
    .selectFrom('runs')
    .select('id')
    .where('conversation_id', '=', conversationId)
    .where('status', 'in', ['queued', 'running'])
    .executeTakeFirst();
  if (busy) {
    throw new AppError('conversation_busy', {
      detail: `Run ${busy.id} is still answering in this conversation. Wait for its end or cancel it, then send again.`,
      retryAfterSeconds: 1,
    });
  }
  return conversation;
}

async function insertRun(
  trx: Transaction<Database>,
  userId: string,
  conversation: ConversationRow,
  promptMessageId: string,
  input: { model?: string | undefined; parameters?: Parameters | undefined },
  defaultModel: string,
): Promise<RunView> {
  const run = await trx
    .insertInto('runs')
    .values({
      id: v7Id(),
      conversation_id: conversation.id,
      user_id: userId,
      prompt_message_id: promptMessageId,
      message_id: v7Id(),
      model: input.model ?? conversation.model ?? defaultModel,
      parameters: JSON.stringify({ ...conversation.parameters, ...input.parameters }),
    })
    .returningAll()
    .executeTakeFirstOrThrow();
  await trx
    .updateTable('conversations')
    .set({ leaf_id: promptMessageId, updated_at: sql`now()` })
    .where('id', '=', conversation.id)
    .execute();
  return toRunView(run);
}
