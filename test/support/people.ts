/** Further users for tests about more than one, made in the database: how people register is tested elsewhere. */
import { v7Id } from '@holdfast/shared/id.ts';
import { hashToken, newToken } from '@holdfast/shared/token.ts';
import { expect } from 'vitest';
import { call, type Reply } from './ask.ts';
import { patience } from './inspect.ts';
import type { Stack } from './stack.ts';

export interface Person {
  readonly id: string;
  readonly name: string;
  readonly headers: { readonly authorization: string };
}

/** For requests that nobody has signed. */
export const nobody = { authorization: '' } as const;

/** Makes a user with an API key. */
export async function makePerson({ db }: Pick<Stack, 'db'>, name: string): Promise<Person> {
  const id = v7Id();
  const token = newToken('hfk');
  await db.query(`insert into users (id, name, kind) values ($1, $2, 'guest')`, [id, name]);
  await db.query(
    `insert into api_keys (id, user_id, name, token_hash, hint) values ($1, $1, 'tests', $2, 'hfk_test')`,
    [id, hashToken(token)],
  );
  return { id, name, headers: { authorization: `Bearer ${token}` } };
}

/** Sends a request as this person. */
export function as<T = { code: string }>(
  person: Person,
  base: string,
  method: string,
  path: string,
  body?: unknown,
): Promise<Reply<T>> {
  return call<T>(base, method, path, body, person.headers);
}

/** Makes a person a member, by an invitation of the test user where one can be invited to the role. */
export async function join(
  base: string,
  conversationId: string,
  person: Person,
  role: 'owner' | 'writer' | 'reader',
): Promise<void> {
  const invitation = await call<{ token: string }>(
    base,
    'POST',
    `/api/conversations/${conversationId}/invitations`,
    { role: role === 'owner' ? 'writer' : role },
  );
  const path = `/api/invitations/${invitation.body.token}/accept`;
  expect((await as(person, base, 'POST', path)).status).toBe(200);
  if (role !== 'owner') return;
  const changed = await call(base, 'PATCH', `/api/conversations/${conversationId}/members/${person.id}`, {
    role,
  });
  expect(changed.status).toBe(200);
}

/** What was recorded for a user about a conversation, in order. */
export async function recorded(
  { db }: Pick<Stack, 'db'>,
  userId: string,
  conversationId: string,
): Promise<{ type: string; subject: string | null }[]> {
  const { rows } = await db.query<{ type: string; subject: string | null }>(
    `select type, subject_id as subject from user_events where user_id = $1 and conversation_id = $2 order by seq`,
    [userId, conversationId],
  );
  return rows;
}

/**
 * Holds rows back (`lock` is a `select … for update`) until `count` requests wait for a lock, then runs `meanwhile` in the
 * same transaction and lets them go: requests meet in the one moment that matters instead of by chance.
 */
export async function holdBack<T>(
  { db }: Pick<Stack, 'db'>,
  lock: string,
  values: readonly unknown[],
  count: number,
  requests: () => Promise<T>[],
  meanwhile: readonly [string, unknown[]] | null = null,
): Promise<T[]> {
  const holder = await db.connect();
  try {
    await holder.query('begin');
    await holder.query(lock, [...values]);
    const replies = Promise.all(requests());
    await expect
      .poll(async () => {
        const { rows } = await db.query<{ n: number }>(
          `select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        );
        return rows[0]?.n;
      }, patience)
      .toBe(count);
    if (meanwhile) await holder.query(...meanwhile);
    await holder.query('commit');
    return await replies;
  } finally {
    // Without effect after the commit; a failure must not leave the rows locked.
    await holder.query('rollback');
    holder.release();
  }
}
