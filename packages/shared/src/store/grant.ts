/** What a user may do with a conversation, asked by the id of the conversation itself, of a message, or of a run. */
import { sql } from 'kysely';
import { notFound } from '../errors.ts';
import type { EventId } from '../protocol/event-id.ts';
import type { Store } from './database.ts';
import { planKept } from './kept-plans.ts';
import type { MemberRole } from './schema.ts';

export type GrantSubject = 'conversation' | 'message' | 'run';

export interface Grant {
  readonly conversationId: string;
  readonly role: MemberRole;
  /** Of a run, when it was asked for by its id: its terminal event, or null while it has none. */
  readonly endId?: EventId | null;
}

/**
 * The role of a user in the conversation that `id` belongs to. Throws the same `…_not_found` for what does not exist, was
 * deleted, or is none of this user's.
 */
export async function findGrant(db: Store, userId: string, of: GrantSubject, id: string): Promise<Grant> {
  let query = db
    .selectFrom('members')
    .innerJoin('conversations', 'conversations.id', 'members.conversation_id')
    .select(['members.conversation_id as conversationId', 'members.role'])
    .where('members.user_id', '=', userId)
    .where('conversations.deleted_at', 'is', null)
    .modifyFront(planKept);
  if (of === 'conversation') query = query.where('conversations.id', '=', id);
  else {
    query = query.where('conversations.id', '=', (find) =>
      find
        .selectFrom(of === 'message' ? 'messages' : 'runs')
        .select('conversation_id')
        .where('id', '=', id),
    );
  }
  const grant = await query.executeTakeFirst();
  if (!grant) throw notFound(of);
  return grant;
}

/** Who asks for a run. */
export interface RunReader {
  readonly userId: string;
  readonly runId: string;
}

export const runReaderName = ({ userId, runId }: RunReader): string => `${userId} ${runId}`;

/**
 * The roles of users in the conversations of runs, by `runReaderName`; those that have none are left out. What a reader
 * who resumes has to know of the run comes along: a query more for each would cost as much again.
 *
 * One row after the other (`limit 1`): as plain joins, Postgres may take all conversations of each user first, and 250
 * readers who have 1,000 conversations cost it most of a second.
 */
export async function findRunGrants(db: Store, readers: readonly RunReader[]): Promise<Map<string, Grant>> {
  const { rows } = await sql<RunReader & Grant & { attempt: number; terminalSeq: number | null }>`${planKept}
    select asked.user_id as "userId", asked.run_id as "runId", member.role,
           run.conversation_id as "conversationId", run.attempt, run.terminal_seq as "terminalSeq"
    from unnest(${readers.map((each) => each.userId)}::uuid[], ${readers.map((each) => each.runId)}::uuid[])
         as asked (user_id, run_id)
    cross join lateral (
      select runs.conversation_id, runs.attempt, runs.terminal_seq from runs where runs.id = asked.run_id limit 1) as run
    cross join lateral (
      select members.role from members
      where members.conversation_id = run.conversation_id and members.user_id = asked.user_id limit 1) as member
    cross join lateral (
      select from conversations where id = run.conversation_id and deleted_at is null limit 1) as conversation`.execute(
    db,
  );
  return new Map(
    rows.map(({ conversationId, role, attempt, terminalSeq: seq, ...reader }) => [
      runReaderName(reader),
      { conversationId, role, endId: seq === null ? null : { attempt, seq } },
    ]),
  );
}

const ranks: Readonly<Record<MemberRole, number>> = { reader: 0, writer: 1, owner: 2 };

/** Whether one role may do what another one may. */
export function includesRole(has: MemberRole, needs: MemberRole): boolean {
  return ranks[has] >= ranks[needs];
}
