/** What a user may do with a conversation, asked by the id of the conversation itself, of a message, or of a run. */
import { notFound } from '../errors.ts';
import type { Store } from './database.ts';
import type { MemberRole } from './schema.ts';

export type GrantSubject = 'conversation' | 'message' | 'run';

export interface Grant {
  readonly conversationId: string;
  readonly role: MemberRole;
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
    .where('conversations.deleted_at', 'is', null);
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

const ranks: Readonly<Record<MemberRole, number>> = { reader: 0, writer: 1, owner: 2 };

/** Whether one role may do what another one may. */
export function includesRole(has: MemberRole, needs: MemberRole): boolean {
  return ranks[has] >= ranks[needs];
}
