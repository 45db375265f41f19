/** Who a token stands for. */
import { type ExpressionBuilder, type RawBuilder, sql } from 'kysely';
import type { UserLimits } from '../http/limits.ts';
import type { Store } from './database.ts';
import { planKept } from './kept-plans.ts';
import type { Database, UserKind, UserRole } from './schema.ts';

/** The user behind a request. */
export interface Identity {
  readonly id: string;
  readonly name: string;
  readonly kind: UserKind;
  readonly role: UserRole;
  readonly email: string | null;
  readonly limits: UserLimits;
  readonly disabled: boolean;
}

const identityColumns = [
  'users.id',
  'users.name',
  'users.kind',
  'users.role',
  'users.email',
  'users.limits',
  sql<boolean>`users.disabled_at is not null`.as('disabled'),
] as const;

/** Use is written down so often at most: a busy client must not cost a write for each request. */
const useNotedEverySeconds = 60;

/** A session that is used lives on for so long; one that is not used ends after it. */
export const sessionLifeDays = 30;

/** How much of its life a session has lost when it is prolonged: a browser's cookie is sent anew only then. */
const prolongedEveryDays = 1;

/** Whether something was used so long ago that this use ought to be noted. */
const isStale = (column: RawBuilder<unknown>) =>
  sql<boolean>`coalesce(${column} < now() - ${useNotedEverySeconds} * interval '1 second', true)`;

/** What a live session says. `prolonged`: its end has moved. */
export interface SessionIdentity {
  readonly identity: Identity;
  readonly sessionId: string;
  readonly prolonged: boolean;
}

/** The users of live sessions, by the hashes of their tokens; those that do not exist, or have ended, are left out. */
export async function findSessions(
  db: Store,
  hashes: readonly string[],
): Promise<Map<string, SessionIdentity>> {
  const rows = await db
    .selectFrom('sessions')
    .innerJoin('users', 'users.id', 'sessions.user_id')
    .select(identityColumns)
    .select([
      'sessions.id as sessionId',
      'sessions.token_hash as hash',
      isStale(sql.ref('sessions.last_used_at')).as('stale'),
      sql<boolean>`sessions.expires_at < now() + ${sessionLifeDays - prolongedEveryDays} * interval '1 day'`.as(
        'prolonged',
      ),
    ])
    .where('sessions.token_hash', '=', anyOf(hashes))
    .modifyFront(planKept)
    .where('sessions.expires_at', '>', sql<Date>`now()`)
    .execute();
  const found = new Map<string, SessionIdentity>();
  for (const { sessionId, hash, stale: _stale, prolonged, ...identity } of rows) {
    found.set(hash, { identity, sessionId, prolonged });
  }
  // One statement for all of them: after a deploy many come back at once, each of them unused for a while.
  const used = rows.filter(({ stale, prolonged }) => stale || prolonged);
  if (used.length > 0) {
    const prolonged = used.filter((row) => row.prolonged).map(({ sessionId }) => sessionId);
    const life = sql<Date>`now() + ${sessionLifeDays} * interval '1 day'`;
    await db
      .updateTable('sessions')
      .set({
        last_used_at: sql`now()`,
        expires_at: sql<Date>`case when id = any(${prolonged}::uuid[]) then ${life} else expires_at end`,
      })
      .where('id', 'in', (rows) =>
        unlocked(
          rows,
          'sessions',
          used.map(({ sessionId }) => sessionId),
        ),
      )
      .execute();
  }
  return found;
}

/** The users of API keys, by the hashes of the keys; those that do not exist (any more) are left out. */
export async function findApiKeys(db: Store, hashes: readonly string[]): Promise<Map<string, Identity>> {
  const rows = await db
    .selectFrom('api_keys')
    .innerJoin('users', 'users.id', 'api_keys.user_id')
    .select(identityColumns)
    .select([
      'api_keys.id as keyId',
      'api_keys.token_hash as hash',
      isStale(sql.ref('api_keys.last_used_at')).as('stale'),
    ])
    .where('api_keys.token_hash', '=', anyOf(hashes))
    .modifyFront(planKept)
    .execute();
  const found = new Map<string, Identity>();
  for (const { keyId: _keyId, hash, stale: _stale, ...identity } of rows) found.set(hash, identity);
  const used = rows.filter(({ stale }) => stale).map(({ keyId }) => keyId);
  if (used.length > 0) {
    await db
      .updateTable('api_keys')
      .set({ last_used_at: sql`now()` })
      .where('id', 'in', (rows) => unlocked(rows, 'api_keys', used))
      .execute();
  }
  return found;
}

/**
 * Of these rows, the ones that nobody else is noting the use of: two processes that note the same many rows in different
 * orders would wait for each other.
 */
const unlocked = (
  rows: ExpressionBuilder<Database, 'sessions' | 'api_keys'>,
  table: 'sessions' | 'api_keys',
  ids: readonly string[],
) => rows.selectFrom(table).select('id').where('id', 'in', ids).forUpdate().skipLocked();

const anyOf = (hashes: readonly string[]) => sql<string>`any(${[...hashes]}::text[])`;

/** A user by their id, or by what an identity provider calls them. Null: there is none (any more). */
export async function findIdentity(
  db: Store,
  by: { readonly id: string } | { readonly issuer: string; readonly subject: string },
): Promise<Identity | null> {
  const users = db.selectFrom('users').select(identityColumns);
  const row =
    'id' in by
      ? await users.where('id', '=', by.id).executeTakeFirst()
      : await users
          .where('oidc_issuer', '=', by.issuer)
          .where('oidc_subject', '=', by.subject)
          .executeTakeFirst();
  return row ?? null;
}

/** How somebody has shown who they are. */
export interface Credential {
  readonly identity: Identity;
  /** Set when it is a session: some things (passwords, keys, devices) are for people who have logged in only. */
  readonly sessionId: string | null;
  /**
   * cookie  by itself, from a browser: it may not have been the user's wish
   * bearer  on purpose: a session token, an API key, or a token of an identity provider
   * ticket  in the address, for one run
   */
  readonly by: 'cookie' | 'bearer' | 'ticket';
}
