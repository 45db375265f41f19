/** Whole conversations, read piece by piece: they may be larger than the memory of a process. */
import { sql } from 'kysely';
import type { Message } from '../http/schemas.ts';
import type { Store } from './database.ts';
import { type MessageRow, toMessage } from './views.ts';

/** A conversation of more messages is exported from its newest on: ten years of a message an hour. */
export const exportMessagesMax = 100_000;

/** One piece is at most so many messages, and those after the first at most so many bytes of text: each is in memory twice. */
const pieceMessagesMax = 200;
const pieceBytesMax = 1024 * 1024;

/** Ids of the messages of all branches, in the order in which they were stored. Without answers that are not final. */
export async function allMessageIds(db: Store, conversationId: string): Promise<string[]> {
  const rows = await db
    .selectFrom('messages')
    .select('id')
    .where('conversation_id', '=', conversationId)
    .where('status', '<>', 'pending')
    .orderBy('number', 'desc')
    .limit(exportMessagesMax)
    .execute();
  return rows.map((row) => row.id).toReversed();
}

/** Ids of the messages of the branch that is shown, oldest first. Without answers that are not final. */
export async function shownMessageIds(db: Store, conversationId: string): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    with recursive branch as (
      select messages.id, parent_id, status, 1 as depth
      from messages join conversations on conversations.leaf_id = messages.id
      where conversations.id = ${conversationId}
      union all
      select parent.id, parent.parent_id, parent.status, depth + 1
      from messages parent join branch on parent.id = branch.parent_id
      where depth < ${exportMessagesMax}
    )
    select id from branch where status <> 'pending' order by depth desc`.execute(db);
  return rows.map((row) => row.id);
}

/** Messages by their ids, in that order, as many at a time as are worth a query. No connection is held in between. */
export async function* readMessages(db: Store, ids: readonly string[]): AsyncGenerator<Message> {
  for (let at = 0; at < ids.length; ) {
    const { rows } = await sql<MessageRow & { place: string }>`
      with piece as (
        select each.id, place, coalesce(sum(octet_length(text)) over (
                 order by place rows between unbounded preceding and 1 preceding), 0) as before_bytes
        from unnest(${ids.slice(at, at + pieceMessagesMax)}::uuid[]) with ordinality as each (id, place)
          join messages on messages.id = each.id
      )
      select messages.*, model, failure_code, finish_reason, usage, place
      from piece join messages on messages.id = piece.id left join runs on runs.id = messages.run_id
      where before_bytes < ${pieceBytesMax}
      order by place`.execute(db);
    const last = rows.at(-1);
    // The conversation was purged meanwhile.
    if (!last) return;
    for (const row of rows) yield toMessage(row);
    at += Number(last.place);
  }
}

/** The users who wrote messages in a conversation. */
export async function authorsOf(db: Store, conversationId: string): Promise<{ id: string; name: string }[]> {
  return db
    .selectFrom('users')
    .select(['id', 'name'])
    .where('id', 'in', (messages) =>
      messages
        .selectFrom('messages')
        .select('author_id')
        .where('conversation_id', '=', conversationId)
        .where('author_id', 'is not', null)
        .$castTo<{ author_id: string }>(),
    )
    .orderBy('id')
    .execute();
}
