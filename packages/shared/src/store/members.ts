/**
 * Who belongs to a conversation, and as what. Every change locks the conversation first, so that two owners who leave in
 * the same moment do so one after the other, and the second one is refused.
 */
import { sql } from 'kysely';
import { AppError, notFound } from '../errors.ts';
import type { Member } from '../http/sharing.ts';
import type { UserEventType } from '../protocol/user-event.ts';
import { lockConversation } from './accept.ts';
import type { Store } from './database.ts';
import { includesRole } from './grant.ts';
import { planKept } from './kept-plans.ts';
import type { MemberRole } from './schema.ts';
import { recordEvents } from './user-events.ts';

/** Everything that happens in a conversation is recorded for each member: a write for each of them, with every message. */
export const membersMax = 100;

/** The members of a conversation, the oldest first. */
export async function listMembers(db: Store, conversationId: string): Promise<Member[]> {
  const rows = await members(db, conversationId)
    .orderBy('members.created_at')
    .orderBy('members.user_id')
    .execute();
  return rows.map(toMember);
}

/** Gives a member another role. Throws `conversation_not_found`, `member_not_found`, `last_owner`. */
export async function changeRole(
  db: Store,
  conversationId: string,
  userId: string,
  role: MemberRole,
): Promise<Member> {
  return db.transaction().execute(async (trx) => {
    await lockConversation(trx, conversationId);
    const member = await members(trx, conversationId)
      .where('members.user_id', '=', userId)
      .executeTakeFirst();
    if (!member) throw notFound('member');
    if (member.role !== role) {
      if (member.role === 'owner') await assertOtherOwner(trx, conversationId, userId);
      await setRole(trx, conversationId, userId, role);
    }
    return toMember({ ...member, role });
  });
}

/** Takes a member out; invitations that exist by now do not let them in again. Throws what `changeRole` throws. */
export async function removeMember(db: Store, conversationId: string, userId: string): Promise<void> {
  await takeOut(db, conversationId, userId, async (trx) => {
    await trx
      .insertInto('removed_members')
      .values({ conversation_id: conversationId, user_id: userId })
      .onConflict((conflict) =>
        conflict.columns(['conversation_id', 'user_id']).doUpdateSet({ removed_at: sql`clock_timestamp()` }),
      )
      .execute();
  });
}

/** A member goes, and may come back with an invitation. Throws what `changeRole` throws. */
export async function leaveConversation(db: Store, conversationId: string, userId: string): Promise<void> {
  await takeOut(db, conversationId, userId, async () => {});
}

/**
 * Makes a user a member, or lifts their role; never lowers it. Call it in a transaction that has locked the conversation,
 * as its last statement. Throws `too_many_members`.
 */
export async function admitMember(
  trx: Store,
  conversationId: string,
  userId: string,
  role: MemberRole,
): Promise<void> {
  const present = await trx
    .selectFrom('members')
    .select(['user_id', 'role'])
    .where('conversation_id', '=', conversationId)
    .execute();
  const known = present.find((member) => member.user_id === userId);
  if (known) {
    if (!includesRole(known.role, role)) await setRole(trx, conversationId, userId, role);
    return;
  }
  if (present.length >= membersMax) {
    throw new AppError('too_many_members', {
      detail: `The conversation has ${membersMax} members, as many as it may have. Ask an owner to make room.`,
    });
  }
  await trx
    .insertInto('members')
    .values({ conversation_id: conversationId, user_id: userId, role })
    .execute();
  await recordMembership(trx, conversationId, userId, 'conversation.added');
}

/** One who may read a conversation, as far as somebody knew. */
export interface Membership {
  readonly conversationId: string;
  readonly userId: string;
}

/** Those who read a conversation when it is deleted see for so long that its runs are cancelled. */
const farewellSeconds = 30;

/**
 * Which of these may go on reading, by their places in the list: members still, of a conversation that is not deleted, or
 * only just.
 */
export async function stillMembers(db: Store, asked: readonly Membership[]): Promise<Set<number>> {
  // One row after the other, as in findRunGrants.
  const { rows } = await sql<{ place: number }>`${planKept}
    select place::int from unnest(
        ${asked.map((each) => each.conversationId)}::uuid[], ${asked.map((each) => each.userId)}::uuid[]
      ) with ordinality as asked (conversation_id, user_id, place)
      cross join lateral (
        select from members
        where members.conversation_id = asked.conversation_id and members.user_id = asked.user_id limit 1) as member
      cross join lateral (
        select from conversations
        where conversations.id = asked.conversation_id
          and (deleted_at is null or deleted_at > now() - ${farewellSeconds} * interval '1 second') limit 1) as conversation
      cross join lateral (
        select from users where users.id = asked.user_id and disabled_at is null limit 1) as person`.execute(
    db,
  );
  return new Set(rows.map(({ place }) => place - 1));
}

function members(db: Store, conversationId: string) {
  return db
    .selectFrom('members')
    .innerJoin('users', 'users.id', 'members.user_id')
    .select(['members.user_id', 'users.name', 'members.role', 'members.created_at'])
    .where('members.conversation_id', '=', conversationId);
}

function toMember(row: { user_id: string; name: string; role: MemberRole; created_at: Date }): Member {
  return { userId: row.user_id, name: row.name, role: row.role, since: row.created_at.toISOString() };
}

async function setRole(trx: Store, conversationId: string, userId: string, role: MemberRole): Promise<void> {
  await trx
    .updateTable('members')
    .set({ role })
    .where('conversation_id', '=', conversationId)
    .where('user_id', '=', userId)
    .execute();
  await recordEvents(trx, conversationId, [{ type: 'conversation.changed' }]);
}

async function takeOut(
  db: Store,
  conversationId: string,
  userId: string,
  note: (trx: Store) => Promise<void>,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await lockConversation(trx, conversationId);
    const member = await trx
      .deleteFrom('members')
      .where('conversation_id', '=', conversationId)
      .where('user_id', '=', userId)
      .returning('role')
      .executeTakeFirst();
    if (!member) throw notFound('member');
    if (member.role === 'owner') await assertOtherOwner(trx, conversationId, userId);
    await note(trx);
    await recordMembership(trx, conversationId, userId, 'conversation.removed');
  });
}

/** Throws `last_owner`: a conversation that nobody can share, change or delete any more would be left behind. */
async function assertOtherOwner(trx: Store, conversationId: string, userId: string): Promise<void> {
  const other = await trx
    .selectFrom('members')
    .select('user_id')
    .where('conversation_id', '=', conversationId)
    .where('role', '=', 'owner')
    .where('user_id', '<>', userId)
    .executeTakeFirst();
  if (other) return;
  throw new AppError('last_owner', {
    detail: 'A conversation needs an owner. Make another member an owner first, or delete the conversation.',
  });
}

/** Tells a user that they came or went, and all (other) members that the conversation has changed. */
async function recordMembership(
  trx: Store,
  conversationId: string,
  userId: string,
  type: UserEventType,
): Promise<void> {
  const others = await trx
    .selectFrom('members')
    .select('user_id')
    .where('conversation_id', '=', conversationId)
    .where('user_id', '<>', userId)
    .execute();
  await recordEvents(trx, conversationId, [
    { type, userIds: [userId] },
    { type: 'conversation.changed', userIds: others.map((other) => other.user_id) },
  ]);
}
