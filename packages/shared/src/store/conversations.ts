import { sql } from 'kysely';
import { notFound } from '../errors.ts';
import type { Conversation, CreateConversation, History, Message } from '../http/schemas.ts';
import { v7Id } from '../id.ts';
import type { Store } from './database.ts';
import { type IdempotentRequest, once } from './idempotency.ts';
import { type MessageRow, toConversation, toMessage, toRunView } from './views.ts';

/** One page of a list. */
export const pageSizeMax = 100;

/** A branch longer than this is shown, and given to the model, from its newest messages on. */
export const branchMessagesMax = 2_000;

/** Makes an empty conversation of `userId`; once per idempotency key. */
export async function createConversation(
  db: Store,
  request: IdempotentRequest,
  input: CreateConversation,
): Promise<Conversation> {
  const { result } = await once(db, request, async (trx) => {
    const row = await trx
      .insertInto('conversations')
      .values({
        id: v7Id(),
        user_id: request.userId,
        title: input.title ?? null,
        system_prompt: input.systemPrompt ?? null,
        model: input.model ?? null,
        parameters: JSON.stringify(input.parameters ?? {}),
      })
      .returningAll()
      .executeTakeFirstOrThrow();
    return toConversation(row);
  });
  return result;
}

/** Throws `conversation_not_found`. */
export async function getConversation(db: Store, userId: string, id: string): Promise<Conversation> {
  const row = await db
    .selectFrom('conversations')
    .selectAll()
    .where('id', '=', id)
    .where('user_id', '=', userId)
    .executeTakeFirst();
  if (!row) throw notFound('conversation');
  return toConversation(row);
}

/** Position in the list of conversations: that of the last one on the page before. */
export interface ConversationPosition {
  readonly updatedAt: string;
  readonly id: string;
}

/** Conversations of a user, the one that changed last first, `limit` of them after `position`. */
export async function listConversations(
  db: Store,
  userId: string,
  limit: number,
  position: ConversationPosition | null,
): Promise<{ conversations: Conversation[]; next: ConversationPosition | null }> {
  let query = db
    .selectFrom('conversations')
    .selectAll()
    // Microseconds, which a JavaScript date would lose: two conversations of one millisecond would hide each other.
    .select(
      sql<string>`to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`.as('position'),
    )
    .where('user_id', '=', userId)
    .orderBy('updated_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1);
  if (position) {
    query = query.where(
      sql<boolean>`(updated_at, id) < (${position.updatedAt}::timestamptz, ${position.id}::uuid)`,
    );
  }
  const rows = await query.execute();
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    conversations: page.map(toConversation),
    next: rows.length > limit && last ? { updatedAt: last.position, id: last.id } : null,
  };
}

/** The messages of the branch that is shown, oldest first, and the run that is being answered. Throws `conversation_not_found`. */
export async function getHistory(db: Store, userId: string, id: string): Promise<History> {
  // One snapshot for both, or a run that ends between the two queries would be neither active nor in history.
  return db
    .transaction()
    .setIsolationLevel('repeatable read')
    .setAccessMode('read only')
    .execute(async (trx) => {
      const conversation = await trx
        .selectFrom('conversations')
        .select('leaf_id')
        .where('id', '=', id)
        .where('user_id', '=', userId)
        .executeTakeFirst();
      if (!conversation) throw notFound('conversation');
      const activeRun = await trx
        .selectFrom('runs')
        .selectAll()
        .where('conversation_id', '=', id)
        .where('status', 'in', ['queued', 'running'])
        .orderBy('id', 'desc')
        .executeTakeFirst();
      return {
        messages: conversation.leaf_id ? await readBranch(trx, conversation.leaf_id) : [],
        activeRun: activeRun ? toRunView(activeRun) : null,
      };
    });
}

/** The messages from the root to `leafId`, oldest first; the newest `branchMessagesMax` of them. */
export async function readBranch(db: Store, leafId: string): Promise<Message[]> {
  const { rows } = await sql<MessageRow>`
    with recursive branch as (
      select messages.*, 1 as depth from messages where id = ${leafId}
      union all
      select parent.*, depth + 1 from messages parent join branch on parent.id = branch.parent_id
      where depth < ${branchMessagesMax}
    )
    select branch.id, branch.conversation_id, parent_id, role, text, run_id, branch.status, branch.created_at,
           model, failure_code, finish_reason, usage
    from branch left join runs on runs.id = branch.run_id
    order by depth desc`.execute(db);
  return rows.map(toMessage);
}
