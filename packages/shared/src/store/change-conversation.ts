/** What happens to a conversation after it was made. The locks: the conversation, then the feeds of its members. */
import { sql } from 'kysely';
import type { ChangeConversation, ChangeMembership } from '../http/conversations.ts';
import type { Conversation } from '../http/schemas.ts';
import { lockConversation } from './accept.ts';
import { newestLeaf } from './branches.ts';
import { getConversation } from './conversations.ts';
import type { Store } from './database.ts';
import { indexTitle } from './search.ts';
import { recordEvents } from './user-events.ts';
import type { RunRow } from './views.ts';

/**
 * Changes title, settings or shown branch, and returns the conversation as `userId` sees it. Throws
 * `conversation_not_found`, and `message_not_found` for a `leafId` that is no final message of this conversation.
 */
export async function changeConversation(
  db: Store,
  conversationId: string,
  userId: string,
  change: ChangeConversation,
): Promise<Conversation> {
  const { title, systemPrompt, model, parameters, leafId } = change;
  if (Object.keys(change).length === 0) return getConversation(db, userId, conversationId);
  return db.transaction().execute(async (trx) => {
    await lockConversation(trx, conversationId);
    await trx
      .updateTable('conversations')
      .set({
        ...(systemPrompt === undefined ? {} : { system_prompt: systemPrompt }),
        ...(model === undefined ? {} : { model }),
        ...(parameters === undefined ? {} : { parameters: JSON.stringify(parameters ?? {}) }),
        ...(leafId === undefined ? {} : { leaf_id: await newestLeaf(trx, conversationId, leafId) }),
        ...(title === undefined ? {} : titleColumns(title)),
      })
      .where('id', '=', conversationId)
      .execute();
    if (title !== undefined) await indexTitle(trx, conversationId, title);
    const conversation = await getConversation(trx, userId, conversationId);
    await recordEvents(trx, conversationId, [{ type: 'conversation.changed' }]);
    return conversation;
  });
}

/** Without a title, the next answer is what the model writes one after. */
function titleColumns(title: string | null) {
  return { title, title_by: title === null ? null : ('user' as const), title_due_at: null, title_tries: 0 };
}

/** Pins or archives a conversation for one member. Throws `conversation_not_found`. */
export async function changeMembership(
  db: Store,
  conversationId: string,
  userId: string,
  { pinned, archived }: ChangeMembership,
): Promise<Conversation> {
  if (pinned === undefined && archived === undefined) return getConversation(db, userId, conversationId);
  const since = (column: 'pinned_at' | 'archived_at', on: boolean) =>
    on ? sql<Date>`coalesce(${sql.ref(column)}, now())` : null;
  return db.transaction().execute(async (trx) => {
    await trx
      .updateTable('members')
      .set({
        ...(pinned === undefined ? {} : { pinned_at: since('pinned_at', pinned) }),
        ...(archived === undefined ? {} : { archived_at: since('archived_at', archived) }),
      })
      .where('conversation_id', '=', conversationId)
      .where('user_id', '=', userId)
      .execute();
    const conversation = await getConversation(trx, userId, conversationId);
    await recordEvents(trx, conversationId, [{ type: 'conversation.changed' }], [userId]);
    return conversation;
  });
}

/**
 * Hides a conversation from everybody, for ever, and has all its runs stopped. Returns those that had not ended: whoever
 * holds them is to be told. Its rows go later: see purge.ts. Throws `conversation_not_found`.
 */
export async function deleteConversation(db: Store, conversationId: string): Promise<RunRow[]> {
  return db.transaction().execute(async (trx) => {
    await lockConversation(trx, conversationId);
    await trx
      .updateTable('conversations')
      .set({ deleted_at: sql`now()`, title_due_at: null })
      .where('id', '=', conversationId)
      .execute();
    const runs = await trx
      .updateTable('runs')
      .set({ cancel_requested_at: sql`coalesce(cancel_requested_at, now())` })
      .where('conversation_id', '=', conversationId)
      .where('status', 'in', ['queued', 'running'])
      .returningAll()
      .execute();
    await recordEvents(trx, conversationId, [{ type: 'conversation.removed' }]);
    return runs.toSorted((a, b) => Number(a.number) - Number(b.number));
  });
}
