/** Accepting work: what is committed here is kept and answered, whoever dies next. */
import { sql, type Transaction } from 'kysely';
import { AppError, notFound } from '../errors.ts';
import type { AcceptedMessage, PostMessage, Regenerate, RunView, WhenBusy } from '../http/schemas.ts';
import { v7Id } from '../id.ts';
import { searchTerms } from '../search/terms.ts';
import { type Asking, insertRun } from './accept-run.ts';
import type { Store } from './database.ts';
import { userLock } from './fair-queue.ts';
import { once } from './idempotency.ts';
import { planKept } from './kept-plans.ts';
import type { Database } from './schema.ts';
import { indexText } from './search.ts';
import {
  type ConversationRow,
  conversationColumns,
  type MessageRow,
  type RunRow,
  toMessage,
} from './views.ts';

export type { Asking } from './accept-run.ts';

/**
 * `repeated`: the idempotency key was known, and this is what the first request got. `interrupted`: runs that are to stop
 * because of this request, as they were before; whoever holds them is to be told.
 */
export interface Accepted<T> {
  readonly result: T;
  readonly repeated: boolean;
  readonly interrupted: readonly RunRow[];
}

/**
 * Stores a user's message at the end of the branch that is shown, and a queued run that will answer it, in one
 * transaction and once per idempotency key. The caller has checked that the user may write here.
 * Throws `conversation_not_found`, `conversation_busy`, `too_many_waiting`, `token_limit_reached`,
 * `idempotency_key_reused`.
 */
export function acceptMessage(
  db: Store,
  asking: Asking,
  conversationId: string,
  input: PostMessage,
): Promise<Accepted<AcceptedMessage>> {
  return accept(db, asking, conversationId, input.whenBusy, async (trx, conversation) => {
    const message = await insertMessage(trx, asking, conversation.id, conversation.leaf_id, input.text);
    return {
      message,
      run: await insertRun(trx, asking, conversation, message.id, input, { addedMessageId: message.id }),
    };
  });
}

/**
 * Stores an edited copy of a user's message beside it, and a run that answers the copy. The message and what followed it
 * stay, as another branch. Throws `message_not_found`, and what `acceptMessage` throws.
 */
export async function acceptEdit(
  db: Store,
  asking: Asking,
  messageId: string,
  input: PostMessage,
): Promise<Accepted<AcceptedMessage>> {
  const edited = await findMessage(db, messageId);
  if (edited.role !== 'user') {
    throw new AppError('invalid_request', {
      detail: 'Only a message that a user wrote can be edited; an answer can be regenerated.',
    });
  }
  return accept(db, asking, edited.conversation_id, input.whenBusy, async (trx, conversation) => {
    const message = await insertMessage(trx, asking, conversation.id, edited.parent_id, input.text);
    return {
      message,
      run: await insertRun(trx, asking, conversation, message.id, input, { addedMessageId: message.id }),
    };
  });
}

/**
 * Stores a queued run that answers again: `messageId` is the answer to replace, or the user's message to answer. The
 * earlier answers stay as siblings. Throws `message_not_found`, and what `acceptMessage` throws.
 */
export async function acceptRegenerate(
  db: Store,
  asking: Asking,
  messageId: string,
  input: Regenerate,
): Promise<Accepted<{ run: RunView }>> {
  const message = await findMessage(db, messageId);
  const promptId = message.role === 'assistant' ? message.parent_id : message.id;
  if (!promptId) throw notFound('message');
  return accept(db, asking, message.conversation_id, input.whenBusy, async (trx, conversation) => ({
    run: await insertRun(trx, asking, conversation, promptId, input),
  }));
}

/**
 * Stores a queued run whose answer begins with the text of the answer `messageId` and goes on from there; that one stays as
 * a sibling. Throws `invalid_request` for a user's message, `conversation_busy` for an answer that is still being written,
 * and what `acceptRegenerate` throws.
 */
export async function acceptContinue(
  db: Store,
  asking: Asking,
  messageId: string,
  input: Regenerate,
): Promise<Accepted<{ run: RunView }>> {
  const message = await findMessage(db, messageId);
  const { parent_id: promptId } = message;
  if (message.role !== 'assistant' || !promptId) {
    throw new AppError('invalid_request', { detail: 'Only an answer can be continued.' });
  }
  if (message.status === 'pending') {
    throw new AppError('conversation_busy', {
      detail:
        'This answer is still being written. Wait for its end, or cancel its run, and continue it then.',
      retryAfterSeconds: 1,
    });
  }
  return accept(db, asking, message.conversation_id, input.whenBusy, async (trx, conversation) => ({
    run: await insertRun(trx, asking, conversation, promptId, input, { continuesId: messageId }),
  }));
}

/** Messages never move and answers that have ended never change, so what is read here still holds in the transaction that follows. */
async function findMessage(
  db: Store,
  messageId: string,
): Promise<Pick<MessageRow, 'id' | 'role' | 'parent_id' | 'conversation_id' | 'status'>> {
  const message = await db
    .selectFrom('messages')
    .select(['id', 'role', 'parent_id', 'conversation_id', 'status'])
    .where('id', '=', messageId)
    .executeTakeFirst();
  if (!message) throw notFound('message');
  return message;
}

/**
 * The order of the locks is the same for all: the idempotency key, the conversation, the user, the feeds of the members.
 * The last two are taken as late as can be: all that a user sends at the same time waits for them.
 */
async function accept<T extends { run: RunView }>(
  db: Store,
  asking: Asking,
  conversationId: string,
  whenBusy: WhenBusy,
  work: (trx: Transaction<Database>, conversation: ConversationRow) => Promise<T>,
): Promise<Accepted<T>> {
  let interrupted: RunRow[] = [];
  const { result, repeated } = await once(db, asking.request, async (trx) => {
    const conversation = await lockConversation(trx, conversationId);
    interrupted = await makeWay(trx, conversationId, whenBusy);
    return work(trx, conversation);
  });
  return { result, repeated, interrupted };
}

/**
 * Locks the conversation until the transaction ends: two messages that arrive together are taken one after the other,
 * and the second one sees the first one's run.
 */
export async function lockConversation(trx: Store, conversationId: string): Promise<ConversationRow> {
  const { rows } = await sql<ConversationRow>`${planKept}
    select ${conversationColumns} from conversations
    where id = ${conversationId} and deleted_at is null for update`.execute(trx);
  const [conversation] = rows;
  if (!conversation) throw notFound('conversation');
  return conversation;
}

/**
 * What is to become of the runs that have not ended: `queue` waits for them, `reject` refuses the new one, `interrupt`
 * stops them. Returns those that it told to stop. Throws `conversation_busy`.
 */
async function makeWay(trx: Store, conversationId: string, whenBusy: WhenBusy): Promise<RunRow[]> {
  if (whenBusy === undefined || whenBusy === 'queue') return [];
  const unfinished = await trx
    .selectFrom('runs')
    .selectAll()
    .where('conversation_id', '=', conversationId)
    .where('status', 'in', ['queued', 'running'])
    .execute();
  const [first] = unfinished;
  if (!first) return [];
  if (whenBusy === 'reject') {
    throw new AppError('conversation_busy', {
      detail: `Run ${first.id} is still answering in this conversation. Wait for its end, cancel it, or send whenBusy "queue" or "interrupt".`,
      retryAfterSeconds: 1,
    });
  }
  return trx
    .updateTable('runs')
    .set({ cancel_requested_at: sql`coalesce(cancel_requested_at, now())` })
    .where(
      'id',
      'in',
      unfinished.map((run) => run.id),
    )
    .where('status', 'in', ['queued', 'running'])
    .returningAll()
    .execute();
}

/** Stores a message, makes it findable, and takes the user's lock, in one statement. */
async function insertMessage(
  trx: Store,
  asking: Asking,
  conversationId: string,
  parentId: string | null,
  text: string,
): Promise<AcceptedMessage['message']> {
  const { userId } = asking.request;
  const terms = await searchTerms(text);
  const { rows } = await sql<MessageRow>`${planKept}
    with stored as (
      insert into messages (id, conversation_id, parent_id, role, text, author_id, status)
      values (${v7Id()}, ${conversationId}, ${parentId}, 'user', ${text}, ${userId}, 'completed')
      returning id, conversation_id, parent_id, role, text, run_id, author_id, status, created_at
    ), indexed as (${indexText(sql`(select conversation_id, id as message_id from stored)`, terms)})
    select stored.*, ${userLock(userId)} from stored`.execute(trx);
  const [row] = rows;
  if (!row) throw new Error('a message was not stored');
  return toMessage(row);
}
