/** Accounts: how somebody becomes a user, and what of a user can change. */
import { sql } from 'kysely';
import { AppError } from '../errors.ts';
import { v7Id } from '../id.ts';
import type { Store } from './database.ts';
import { isFirstMember, takeOverFromLocalUser } from './first-member.ts';
import { endOtherSessions, endSession, openSession } from './sessions.ts';
import type { UserRow } from './views.ts';

/** A session that is to begin. */
export interface SessionStart {
  /** The User-Agent. */
  readonly device: string;
  /** The session that this one replaces, if any: a token from before a log-in must not be worth more after it. */
  readonly replaces: string | null;
}

export interface Opened {
  readonly user: UserRow;
  readonly token: string;
}

async function startSession(trx: Store, user: UserRow, { device, replaces }: SessionStart): Promise<Opened> {
  if (replaces !== null) await endSession(trx, replaces);
  return { user, token: await openSession(trx, user.id, device) };
}

/** Makes a user who can come back only with the session that begins here. */
export function createGuest(db: Store, start: SessionStart): Promise<Opened> {
  return db.transaction().execute(async (trx) => {
    const user = await trx
      .insertInto('users')
      .values({ id: v7Id(), name: 'Guest', kind: 'guest' })
      .returningAll()
      .executeTakeFirstOrThrow();
    return startSession(trx, user, start);
  });
}

/**
 * Begins a session of a user whose password was found to be that behind `passwordHash`. Null: it has changed meanwhile,
 * which ended all sessions and must end this one, too.
 */
export function logIn(
  db: Store,
  userId: string,
  passwordHash: string,
  start: SessionStart,
): Promise<Opened | null> {
  return db.transaction().execute(async (trx) => {
    const user = await trx
      .selectFrom('users')
      .selectAll()
      .where('id', '=', userId)
      .where('password_hash', '=', passwordHash)
      // Whoever changes the password waits for us, and then ends this session with the others.
      .forShare()
      .executeTakeFirst();
    return user ? startSession(trx, user, start) : null;
  });
}

export interface Registration {
  readonly email: string;
  readonly passwordHash: string;
  readonly name: string | undefined;
  /** The guest who registers, and keeps everything; null: a new user. */
  readonly guestId: string | null;
  /** Whether the first member of this deployment becomes its administrator. */
  readonly firstIsAdmin: boolean;
}

/** Makes a member, out of a guest or out of nothing, and begins a session. Throws `email_taken`, `already_registered`. */
export async function register(db: Store, registration: Registration, start: SessionStart): Promise<Opened> {
  const { email, passwordHash, name, guestId, firstIsAdmin } = registration;
  try {
    return await db.transaction().execute(async (trx) => {
      const first = await isFirstMember(trx);
      const account = {
        kind: 'member',
        role: first && firstIsAdmin ? 'admin' : 'user',
        email,
        password_hash: passwordHash,
      } as const;
      const nameOrMail = name ?? (email.split('@')[0] as string);
      const user =
        guestId === null
          ? await trx
              .insertInto('users')
              .values({ ...account, id: v7Id(), name: nameOrMail })
              .returningAll()
              .executeTakeFirstOrThrow()
          : await trx
              .updateTable('users')
              .set({
                ...account,
                // A name that the guest has chosen stays.
                name: sql`case when ${name === undefined} and name <> 'Guest' then name else ${nameOrMail} end`,
              })
              .where('id', '=', guestId)
              .where('kind', '=', 'guest')
              .returningAll()
              .executeTakeFirst();
      if (!user) {
        throw new AppError('already_registered', {
          detail: 'You have registered already, in another window perhaps.',
        });
      }
      const opened = await startSession(trx, user, start);
      if (first) await takeOverFromLocalUser(trx, user.id);
      return opened;
    });
  } catch (error) {
    if (isUniqueViolation(error, 'users_by_email')) throw emailTaken();
    throw error;
  }
}

export function emailTaken(): AppError {
  return new AppError('email_taken', { detail: 'Log in, or register with another e-mail address.' });
}

/** SQLSTATE 23505 of one index. */
function isUniqueViolation(error: unknown, index: string): boolean {
  const { code, constraint } = (error ?? {}) as { code?: unknown; constraint?: unknown };
  return code === '23505' && constraint === index;
}

/** The account with this e-mail address, in whatever case. */
export async function findByEmail(db: Store, email: string): Promise<UserRow | null> {
  const row = await db
    .selectFrom('users')
    .selectAll()
    .where(sql<string>`lower(email)`, '=', email.toLowerCase())
    .executeTakeFirst();
  return row ?? null;
}

/** The hash of a user's password; null for a guest and for whom an identity provider vouches for. */
export async function findPasswordHash(db: Store, userId: string): Promise<string | null> {
  const row = await db
    .selectFrom('users')
    .select('password_hash')
    .where('id', '=', userId)
    .executeTakeFirst();
  return row?.password_hash ?? null;
}

/**
 * Replaces a password hash, if it is still `oldHash`. False: somebody else was first, and what was checked against the
 * old one holds no more.
 */
export async function replacePasswordHash(
  db: Store,
  userId: string,
  oldHash: string,
  newHash: string,
): Promise<boolean> {
  const changed = await db
    .updateTable('users')
    .set({ password_hash: newHash })
    .where('id', '=', userId)
    .where('password_hash', '=', oldHash)
    .returning('id')
    .executeTakeFirst();
  return changed !== undefined;
}

/** Changes a password and ends all sessions but one: whoever had learned the old one is out. False as above. */
export function changePassword(
  db: Store,
  userId: string,
  oldHash: string,
  newHash: string,
  keptSessionId: string,
): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    if (!(await replacePasswordHash(trx, userId, oldHash, newHash))) return false;
    await endOtherSessions(trx, userId, keptSessionId);
    return true;
  });
}

export function renameUser(db: Store, userId: string, name: string): Promise<UserRow> {
  return db
    .updateTable('users')
    .set({ name })
    .where('id', '=', userId)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Somebody whom an identity provider vouches for. `issuer` and `subject` together are unique and never change. */
export interface ProviderUser {
  readonly issuer: string;
  readonly subject: string;
  readonly name: string;
}

/** Makes the user behind an identity provider's, once, however many requests they begin with. */
export async function makeProviderUser(
  db: Store,
  { issuer, subject, name }: ProviderUser,
  firstIsAdmin: boolean,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const first = await isFirstMember(trx);
    const made = await trx
      .insertInto('users')
      .values({
        id: v7Id(),
        name,
        role: first && firstIsAdmin ? 'admin' : 'user',
        oidc_issuer: issuer,
        oidc_subject: subject,
      })
      // Waits for a parallel request of the same user, and then inserts nothing.
      .onConflict((conflict) => conflict.columns(['oidc_issuer', 'oidc_subject']).doNothing())
      .returning('id')
      .executeTakeFirst();
    if (made && first) await takeOverFromLocalUser(trx, made.id);
  });
}
