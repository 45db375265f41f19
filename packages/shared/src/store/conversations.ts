/** Conversations: made, read and listed. What happens to one later is in change-conversation.ts. */
import { type SelectQueryBuilder, sql } from 'kysely';
import { notFound } from '../errors.ts';
import { pageSizeMax } from '../http/conversations.ts';
import type { Conversation, CreateConversation, FoundConversation } from '../http/schemas.ts';
import { v7Id } from '../id.ts';
import { type SearchItem, searchTerms } from '../search/terms.ts';
import type { Store } from './database.ts';
import { type IdempotentRequest, once } from './idempotency.ts';
import { planKept } from './kept-plans.ts';
import { holdsAll, indexText, newestHit, snippetsOf } from './search.ts';
import { recordTold } from './user-events.ts';
import { conversationColumns, type SeenConversationRow, toConversation } from './views.ts';

export { pageSizeMax };

/** Makes an empty conversation of `userId`; once per idempotency key. */
export async function createConversation(
  db: Store,
  request: IdempotentRequest,
  input: CreateConversation,
): Promise<Conversation> {
  const { title = null, systemPrompt = null, model = null, parameters = {} } = input;
  const terms = await searchTerms(title ?? '');
  const { result } = await once(db, request, async (trx) => {
    const { rows } = await sql<SeenConversationRow>`${planKept}
      with made as (
        insert into conversations (id, title, title_by, system_prompt, model, parameters)
        values (${v7Id()}, ${title}, ${title === null ? null : 'user'}, ${systemPrompt}, ${model},
          ${JSON.stringify(parameters)})
        returning ${conversationColumns}
      ), owner as (
        insert into members (conversation_id, user_id, role) select id, ${request.userId}::uuid, 'owner' from made
        returning user_id, conversation_id, role, pinned_at, archived_at
      ), indexed as (${indexText(sql`(select id as conversation_id, null::uuid as message_id from made)`, terms)}
      ), told as (
        select user_id, conversation_id, 'conversation.added' as type, null::uuid as subject_id, 1 as place from owner
      ), ${recordTold}
      select made.*, owner.role, owner.pinned_at, owner.archived_at from made cross join owner`.execute(trx);
    const [row] = rows;
    if (!row) throw new Error('a conversation was not stored');
    return toConversation(row);
  });
  return result;
}

/** Conversations as `userId` sees them: those of which they are a member and which are not deleted. */
function seenBy(db: Store, userId: string) {
  return db
    .selectFrom('conversations')
    .innerJoin('members', 'members.conversation_id', 'conversations.id')
    .selectAll('conversations')
    .select(['members.role', 'members.pinned_at', 'members.archived_at'])
    .where('members.user_id', '=', userId)
    .where('conversations.deleted_at', 'is', null);
}

/** Throws `conversation_not_found`. */
export async function getConversation(db: Store, userId: string, id: string): Promise<Conversation> {
  const row = await seenBy(db, userId).where('conversations.id', '=', id).executeTakeFirst();
  if (!row) throw notFound('conversation');
  return toConversation(row);
}

/** Position in the list of conversations: that of the last one on the page before. */
export interface ConversationPosition {
  readonly updatedAt: string;
  readonly id: string;
}

/** Which conversations of a user. */
export interface ConversationFilter {
  readonly archived: boolean;
  readonly pinned?: boolean | undefined;
  /** What they are to hold; null: whatever they hold. */
  readonly items: readonly SearchItem[] | null;
}

type ListedRow = SeenConversationRow & { position: string; message_id: string | null };

/** The query of one page, and of one row more that tells whether another page follows. */
export function listQuery(
  db: Store,
  userId: string,
  filter: ConversationFilter,
  limit: number,
  after: ConversationPosition | null,
): SelectQueryBuilder<never, never, ListedRow> {
  let query = seenBy(db, userId)
    // Microseconds, which a JavaScript date would lose: two conversations of one millisecond would hide each other.
    .select(
      sql<string>`to_char(conversations.updated_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`.as(
        'position',
      ),
    )
    .where('members.archived_at', filter.archived ? 'is not' : 'is', null)
    .orderBy('conversations.updated_at', 'desc')
    .orderBy('conversations.id', 'desc')
    .limit(limit + 1);
  if (filter.pinned !== undefined) {
    query = query.where('members.pinned_at', filter.pinned ? 'is not' : 'is', null);
  }
  if (after) {
    query = query.where(
      sql<boolean>`(conversations.updated_at, conversations.id) < (${after.updatedAt}::timestamptz, ${after.id}::uuid)`,
    );
  }
  const found = filter.items
    ? // First the page, then which message it was: only for those that are on it.
      db
        .selectFrom(query.where(holdsAll(filter.items)).as('page'))
        .innerJoinLateral(newestHit(filter.items).as('hit'), (join) => join.onTrue())
        .selectAll('page')
        .select('hit.message_id')
        .orderBy('page.updated_at', 'desc')
        .orderBy('page.id', 'desc')
    : query.select(sql<null>`null`.as('message_id'));
  return found as unknown as SelectQueryBuilder<never, never, ListedRow>;
}

/** Conversations of a user, the one that changed last first, `limit` of them after a position. */
export async function listConversations(
  db: Store,
  userId: string,
  filter: ConversationFilter,
  limit: number,
  after: ConversationPosition | null,
): Promise<{ conversations: FoundConversation[]; next: ConversationPosition | null }> {
  const rows = await listQuery(db, userId, filter, limit, after).execute();
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const next = rows.length > limit && last ? { updatedAt: last.position, id: last.id } : null;
  if (!filter.items) return { conversations: page.map(toConversation), next };
  const hits = page.map((row) => ({ title: row.title, messageId: row.message_id }));
  const matches = await snippetsOf(db, hits, filter.items);
  const conversations = page.map((row, at) => ({ ...toConversation(row), match: matches[at] }));
  return { conversations, next };
}
