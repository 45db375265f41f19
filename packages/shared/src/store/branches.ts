/**
 * A conversation is a tree of messages. A branch is the way from a first message to a leaf; the one that ends with
 * `conversations.leaf_id` is shown. Messages with the same parent are siblings: versions of one place.
 */
import { sql } from 'kysely';
import { notFound } from '../errors.ts';
import type { BranchMessage, History, Message } from '../http/schemas.ts';
import { inSnapshot, type Store } from './database.ts';
import { planKept } from './kept-plans.ts';
import { type MessageRow, toMessage, toRunView } from './views.ts';

/** A branch longer than this is shown, and given to the model, from its newest messages on. */
export const branchMessagesMax = 2_000;

/** Of more siblings, those around the one that is shown are named. */
export const siblingsMax = 200;

/** The messages of the branch that is shown, oldest first, and the runs that have not ended. Throws `conversation_not_found`. */
export async function getHistory(db: Store, id: string): Promise<History> {
  // One snapshot for all, or a run that ends between the queries would be neither active nor in history.
  return inSnapshot(db, async (trx) => {
    const conversation = await trx
      .selectFrom('conversations')
      .select('leaf_id')
      .where('id', '=', id)
      .where('deleted_at', 'is', null)
      .executeTakeFirst();
    if (!conversation) throw notFound('conversation');
    const [activeRun = null, ...waitingRuns] = await trx
      .selectFrom('runs')
      .selectAll()
      .where('conversation_id', '=', id)
      .where('status', 'in', ['queued', 'running'])
      .orderBy('number')
      .execute();
    const branch = conversation.leaf_id ? await readBranch(trx, conversation.leaf_id) : [];
    return {
      messages: await withSiblings(trx, id, branch),
      activeRun: activeRun && toRunView(activeRun),
      waitingRuns: waitingRuns.map(toRunView),
    };
  });
}

/** The messages from the root to `leafId`, oldest first; the newest `branchMessagesMax` of them. Without answers that are not final. */
export async function readBranch(db: Store, leafId: string): Promise<Message[]> {
  // "offset 0" keeps a subquery one: each message and run is found by its index, never by reading the whole table.
  const { rows } = await sql<MessageRow>`${planKept}
    with recursive branch as (
      select id, conversation_id, parent_id, role, text, run_id, author_id, status, created_at, 1 as depth
      from messages where id = ${leafId}
      union all
      select parent.*, depth + 1
      from branch cross join lateral (
        select id, conversation_id, parent_id, role, text, run_id, author_id, status, created_at
        from messages where messages.id = branch.parent_id offset 0
      ) as parent
      where depth < ${branchMessagesMax}
    )
    select branch.id, branch.conversation_id, parent_id, role, text, run_id, author_id, branch.status, branch.created_at,
           model, failure_code, finish_reason, usage
    from branch left join lateral (
      select model, failure_code, finish_reason, usage from runs where runs.id = branch.run_id offset 0
    ) as run on true
    where branch.status <> 'pending'
    order by depth desc`.execute(db);
  return rows.map(toMessage);
}

/** One entry of what a model is asked. */
export interface PromptMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/**
 * The system prompt of a conversation and the messages from the root to `leafId`, as a model is asked: the newest
 * `branchMessagesMax` that are final and not empty.
 */
export async function readPrompt(
  db: Store,
  conversationId: string,
  leafId: string,
): Promise<PromptMessage[]> {
  const { rows } = await sql<PromptMessage>`${planKept}
    with recursive branch as (
      select parent_id, role, text, status, 1 as depth from messages where id = ${leafId}
      union all
      select parent.*, depth + 1
      from branch cross join lateral (
        select parent_id, role, text, status from messages where messages.id = branch.parent_id offset 0
      ) as parent
      where depth < ${branchMessagesMax}
    )
    select 'system' as role, system_prompt as content, ${branchMessagesMax} + 1 as depth
    from conversations where id = ${conversationId} and system_prompt <> ''
    union all
    select role, text, depth from branch where status <> 'pending' and text <> ''
    order by depth desc`.execute(db);
  return rows.map(({ role, content }) => ({ role, content }));
}

/** The same messages, each with the other versions at its place; two lookups by index, however long the branch is. */
async function withSiblings(
  db: Store,
  conversationId: string,
  branch: readonly Message[],
): Promise<BranchMessage[]> {
  const parentIds = branch.map((message) => message.parentId).filter((id) => id !== null);
  const { rows } = await sql<{ parentId: string | null; ids: string[] }>`
    select parent_id as "parentId", array_agg(id order by number) as ids from messages
    where parent_id = any(${parentIds}::uuid[]) and status <> 'pending'
    group by parent_id
    union all
    select null, array_agg(id order by number) from messages
    where conversation_id = ${conversationId} and parent_id is null and status <> 'pending'`.execute(db);
  const versions = new Map(rows.map(({ parentId, ids }) => [parentId, ids]));
  return branch.map((message) => {
    const all = versions.get(message.parentId) ?? [message.id];
    const place = all.indexOf(message.id);
    const first = Math.max(0, Math.min(place - siblingsMax / 2, all.length - siblingsMax));
    return {
      ...message,
      siblings: { ids: all.slice(first, first + siblingsMax), position: place - first + 1 },
    };
  });
}

/**
 * The newest message of the branches through `messageId`, which may be an answer that is still to come: the leaf of the
 * branch that is shown when somebody chooses that message. Throws `message_not_found` for what is no final message of
 * this conversation.
 */
export async function newestLeaf(db: Store, conversationId: string, messageId: string): Promise<string> {
  const { rows } = await sql<{ id: string }>`
    with recursive below as (
      select id, number from messages
      where id = ${messageId} and conversation_id = ${conversationId} and status <> 'pending'
      union all
      select child.id, child.number from messages child join below on child.parent_id = below.id
    )
    select id from below order by number desc limit 1`.execute(db);
  const [leaf] = rows;
  if (!leaf) throw notFound('message');
  return leaf.id;
}
