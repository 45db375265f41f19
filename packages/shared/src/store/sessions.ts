/**
 * Sessions: how somebody stays logged in. A session is a random token of which only the hash is stored, so that it can be
 * ended at any moment and by whoever owns it.
 */
import { sql } from 'kysely';
import { notFound } from '../errors.ts';
import type { SessionList } from '../http/accounts.ts';
import { v7Id } from '../id.ts';
import { hashToken, newToken } from '../token.ts';
import type { Store } from './database.ts';
import { sessionLifeDays } from './identity.ts';

/** More devices than anybody has. A program that logs in for every request must not fill the table. */
const sessionsPerUserMax = 100;

/** Longest User-Agent that is kept. */
const deviceCharsMax = 200;

/** Begins a session and returns its token, which is stored nowhere. Beyond the limit, the ones unused for longest end. */
export async function openSession(db: Store, userId: string, device: string): Promise<string> {
  const token = newToken('hfs');
  await db
    .insertInto('sessions')
    .values({
      id: v7Id(),
      user_id: userId,
      token_hash: hashToken(token),
      device: device.slice(0, deviceCharsMax),
      expires_at: sql`now() + ${sessionLifeDays} * interval '1 day'`,
    })
    .execute();
  await sql`
    delete from sessions where id in (
      select id from sessions where user_id = ${userId} order by last_used_at desc, id desc offset ${sessionsPerUserMax}
    )`.execute(db);
  return token;
}

/** The live sessions of a user. `currentId`: the one that asks, or null. */
export async function listSessions(
  db: Store,
  userId: string,
  currentId: string | null,
): Promise<SessionList['sessions']> {
  const rows = await db
    .selectFrom('sessions')
    .select(['id', 'device', 'created_at', 'last_used_at', 'expires_at'])
    .where('user_id', '=', userId)
    .where('expires_at', '>', sql<Date>`now()`)
    .orderBy('last_used_at', 'desc')
    .orderBy('id', 'desc')
    .execute();
  return rows.map((row) => ({
    id: row.id,
    device: row.device,
    current: row.id === currentId,
    createdAt: row.created_at.toISOString(),
    lastUsedAt: row.last_used_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
  }));
}

/** Ends one session of a user. Throws `session_not_found`. */
export async function revokeSession(db: Store, userId: string, sessionId: string): Promise<void> {
  const ended = await db
    .deleteFrom('sessions')
    .where('id', '=', sessionId)
    .where('user_id', '=', userId)
    .where('expires_at', '>', sql<Date>`now()`)
    .returning('id')
    .executeTakeFirst();
  if (!ended) throw notFound('session');
}

/** Ends a session if it has not ended yet. */
export async function endSession(db: Store, sessionId: string): Promise<void> {
  await db.deleteFrom('sessions').where('id', '=', sessionId).execute();
}

/** Ends all sessions of a user but one. */
export async function endOtherSessions(db: Store, userId: string, exceptId: string): Promise<void> {
  await db.deleteFrom('sessions').where('user_id', '=', userId).where('id', '!=', exceptId).execute();
}

/** Removes sessions that have run out, which nobody can use any more. */
export async function forgetOldSessions(db: Store): Promise<void> {
  await sql`delete from sessions where expires_at < now()`.execute(db);
}
