/**
 * A user whom every test database has, with an API key that all the helpers send unless they are told otherwise: most
 * tests are not about who asks.
 */
import { hashToken } from '@holdfast/shared/token.ts';
import type pg from 'pg';

const apiKey = `hfk_${'t'.repeat(43)}`;

const sessionToken = `hfs_${'t'.repeat(43)}`;

export const testUser = {
  id: '00000000-0000-7000-8000-0000000000aa',
  apiKey,
  /** Of a session that does not end: what a browser's cookie holds. */
  sessionToken,
  headers: { authorization: `Bearer ${apiKey}` },
} as const;

/** What the page of a server gets when the test user logs in. Cookies know no ports, so it holds behind a proxy, too. */
export function sessionCookie(base: string) {
  return {
    name: 'holdfast_session',
    value: sessionToken,
    url: base,
    httpOnly: true,
    sameSite: 'Lax' as const,
  };
}

/** Puts the test user into a migrated database. */
export async function insertTestUser(client: pg.Client): Promise<void> {
  await client.query(
    `insert into users (id, name, email) values ($1, 'Test user', 'test-user@example.com')`,
    [testUser.id],
  );
  await client.query(
    `insert into api_keys (id, user_id, name, token_hash, hint) values ($1, $1, 'tests', $2, 'hfk_tttt')`,
    [testUser.id, hashToken(apiKey)],
  );
  await client.query(
    `insert into sessions (id, user_id, token_hash, device, expires_at)
     values ($1, $1, $2, 'tests', now() + interval '1 year')`,
    [testUser.id, hashToken(sessionToken)],
  );
}
