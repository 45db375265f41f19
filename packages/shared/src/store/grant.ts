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
 */
export async function findRunGrants(db: Store, readers: readonly RunReader[]): Promise<Map<string, Grant>> {
  const { rows } = await sql<RunReader & Grant & { attempt: number; terminalSeq: number | null }>`${planKept}
    select asked.user_id as "userId", asked.run_id as "runId", members.role,
           members.conversation_id as "conversationId", runs.attempt, runs.terminal_seq as "terminalSeq"
    from unnest(${readers.map((each) => each.userId)}::uuid[], ${readers.map((each) => each.runId)}::uuid[])
         as asked (user_id, run_id)
    join runs on runs.id = asked.run_id
    join conversations on conversations.id = runs.conversation_id and conversations.deleted_at is null
    join members on members.conversation_id = conversations.id and members.user_id = asked.user_id`.execute(
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
