/** Users, as administrators see and change them. */
import { sql } from 'kysely';
import { AppError, notFound } from '../errors.ts';
import type { AdminUser, ChangeUser } from '../http/accounts.ts';
import type { Store } from './database.ts';
import { localUserId } from './local-user.ts';
import { toCurrentUser, type UserRow } from './views.ts';

function toAdminUser(row: UserRow): AdminUser {
  return {
    ...toCurrentUser(row),
    disabled: row.disabled_at !== null,
    limits: row.limits,
    createdAt: row.created_at.toISOString(),
  };
}

export interface UserQuery {
  readonly limit: number;
  /** The last user of the page before; null: from the newest on. */
  readonly after: string | null;
  /** A part of a name or an e-mail address, in any case. */
  readonly text: string | undefined;
}

/** Users, newest first: ids are in the order of creation. `next`: the last one of this page, if there are more. */
export async function listUsers(
  db: Store,
  { limit, after, text }: UserQuery,
): Promise<{ users: AdminUser[]; next: string | null }> {
  let query = db
    .selectFrom('users')
    .selectAll()
    .where('id', '!=', localUserId)
    .orderBy('id', 'desc')
    .limit(limit + 1);
  if (after !== null) query = query.where('id', '<', after);
  if (text !== undefined) {
    const pattern = `%${text.replace(/[\\%_]/g, String.raw`\$&`)}%`;
    query = query.where((user) => user.or([user('name', 'ilike', pattern), user('email', 'ilike', pattern)]));
  }
  const rows = await query.execute();
  const page = rows.slice(0, limit);
  return { users: page.map(toAdminUser), next: rows.length > limit ? (page.at(-1)?.id ?? null) : null };
}

/** Changes a user. Throws `user_not_found`, `last_admin`. */
export function changeUser(db: Store, userId: string, change: ChangeUser): Promise<AdminUser> {
  const { disabled, role, limits } = change;
  return db.transaction().execute(async (trx) => {
    // All of them, in one order: two administrators who disable each other must not both be told that one remains.
    const admins = await trx
      .selectFrom('users')
      .select('id')
      .where('role', '=', 'admin')
      .where('disabled_at', 'is', null)
      .orderBy('id')
      .forUpdate()
      .execute();
    const isLast = admins.length === 1 && admins[0]?.id === userId;
    if (isLast && (disabled === true || role === 'user')) {
      throw new AppError('last_admin', {
        detail: 'This is the only administrator who is not disabled. Make somebody else one first.',
      });
    }
    const row = await trx
      .updateTable('users')
      .set({
        // Also what keeps the statement whole when nothing is to change.
        role: role ?? sql`role`,
        ...(disabled === undefined
          ? {}
          : { disabled_at: disabled ? sql`coalesce(disabled_at, now())` : null }),
        ...(limits === undefined ? {} : { limits: JSON.stringify(limits) }),
      })
      .where('id', '=', userId)
      .where('id', '!=', localUserId)
      .returningAll()
      .executeTakeFirst();
    if (!row) throw notFound('user');
    if (role === 'admin' && row.kind === 'guest') {
      throw new AppError('forbidden', {
        detail: 'A guest cannot be an administrator; they have to register.',
      });
    }
    return toAdminUser(row);
  });
}
