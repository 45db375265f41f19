/** What only the first member of a deployment gets. */
import { sql, type Transaction } from 'kysely';
import { localUserId } from './local-user.ts';
import type { Database } from './schema.ts';
import { recordEvents } from './user-events.ts';

type Trx = Transaction<Database>;

async function hasMembers(trx: Trx): Promise<boolean> {
  const member = await trx
    .selectFrom('users')
    .select('id')
    .where('kind', '=', 'member')
    .where('id', '!=', localUserId)
    .limit(1)
    .executeTakeFirst();
  return member !== undefined;
}

/**
 * Whether the user that this transaction is about to make a member is the first one. If so, no other transaction can be
 * told the same until this one has ended.
 */
export async function isFirstMember(trx: Trx): Promise<boolean> {
  if (await hasMembers(trx)) return false;
  await sql`select pg_advisory_xact_lock(hashtextextended('first member', 1))`.execute(trx);
  return !(await hasMembers(trx));
}

/**
 * Gives a user everything that was made before there were accounts, and removes the local user, whom nobody can be. The
 * last statement of a transaction: it locks the user's feed.
 */
export async function takeOverFromLocalUser(trx: Trx, userId: string): Promise<void> {
  const local = await trx
    .selectFrom('users')
    .select('id')
    .where('id', '=', localUserId)
    .forUpdate()
    .executeTakeFirst();
  if (!local) return;
  const conversations = await trx
    .updateTable('members')
    .set({ user_id: userId })
    .where('user_id', '=', localUserId)
    .returning('conversation_id')
    .execute();
  const mine = { user_id: userId };
  await trx.updateTable('runs').set(mine).where('user_id', '=', localUserId).execute();
  await trx.updateTable('run_attempts').set(mine).where('user_id', '=', localUserId).execute();
  await trx.updateTable('messages').set({ author_id: userId }).where('author_id', '=', localUserId).execute();
  // With it go its feed and its idempotency keys, which nobody can repeat any more.
  await trx.deleteFrom('users').where('id', '=', localUserId).execute();
  for (const { conversation_id } of conversations) {
    await recordEvents(trx, conversation_id, [{ type: 'conversation.added' }], [userId]);
  }
}
