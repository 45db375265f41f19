/**
 * The end of deleted conversations: their rows go, and their run logs before them, a batch at a time. What was used stays
 * (`run_attempts`). Each step can be repeated, so that a crash in between costs nothing.
 */
import { sql } from 'kysely';
import type { Store } from './database.ts';

/** So long after a conversation was deleted and its last run has ended, readers have seen that end. */
const graceSeconds = 60;

/** Whoever takes a conversation has so long to remove it, before others take it too. */
const claimSeconds = 300;

/** Rows of one statement. */
const batchRows = 500;

/** Takes up to `limit` deleted conversations in which nothing is unfinished. */
export async function claimDeleted(db: Store, limit: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    update conversations set purge_after = now() + ${claimSeconds} * interval '1 second'
    where id in (
      select id from conversations
      where deleted_at < now() - ${graceSeconds} * interval '1 second'
        and (purge_after is null or purge_after < now())
        and not exists (
          select from runs where runs.conversation_id = conversations.id
            and (status in ('queued', 'running') or finished_at > now() - ${graceSeconds} * interval '1 second'))
      order by deleted_at limit ${limit}
      for update skip locked)
    returning id`.execute(db);
  return rows.map((row) => row.id);
}

/** Removes a deleted conversation. `forgetLogs` removes the logs of runs, and rejects when it cannot. */
export async function purgeConversation(
  db: Store,
  conversationId: string,
  forgetLogs: (runIds: readonly string[]) => Promise<void>,
): Promise<void> {
  for (;;) {
    const runs = await db
      .selectFrom('runs')
      .select('id')
      .where('conversation_id', '=', conversationId)
      .limit(batchRows)
      .execute();
    if (runs.length === 0) break;
    const ids = runs.map((run) => run.id);
    // First the logs: once the rows are gone nobody knows which there were.
    await forgetLogs(ids);
    await db.deleteFrom('runs').where('id', 'in', ids).execute();
  }
  // The newest first: a message takes what follows it along, and that could be the whole conversation in one statement.
  for (let removed = batchRows; removed === batchRows; ) {
    const { numAffectedRows } = await sql`
      delete from messages where id in (
        select id from messages where conversation_id = ${conversationId} order by number desc limit ${batchRows})
    `.execute(db);
    removed = Number(numAffectedRows ?? 0);
  }
  await db
    .deleteFrom('conversations')
    .where('id', '=', conversationId)
    .where('deleted_at', 'is not', null)
    .execute();
}
