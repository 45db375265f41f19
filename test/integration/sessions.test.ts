/** Sessions: what keeps somebody logged in, and how it ends. */
import { connectDatabase } from '@holdfast/shared/store/database.ts';
import { forgetOldSessions } from '@holdfast/shared/store/sessions.ts';
import { hashToken } from '@holdfast/shared/token.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accountsAt, bearer, newEmail, password } from '../support/accounts.ts';
import { call, question } from '../support/ask.ts';
import { openEventStream } from '../support/sse-reader.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let base: string;
beforeAll(async () => {
  stack = await startStack();
  base = stack.apis[0]?.url ?? '';
});
afterAll(() => stack.stop());
const { register, logIn, me } = accountsAt(() => base);

interface Session {
  readonly id: string;
  readonly device: string;
  readonly current: boolean;
  readonly createdAt: string;
  readonly lastUsedAt: string;
  readonly expiresAt: string;
}
const sessionsOf = async (token: string, userAgent = 'a test') =>
  (
    await call<{ sessions: Session[] }>(base, 'GET', '/api/me/sessions', undefined, {
      ...bearer(token),
      'user-agent': userAgent,
    })
  ).body.sessions;
const daysUntil = (time: string) => (Date.parse(time) - Date.now()) / 86_400_000;
const makeOld = (token: string, used: string, expires: string) =>
  stack.db.query(
    `update sessions set last_used_at = now() - $2::interval, expires_at = now() + $3::interval where token_hash = $1`,
    [hashToken(token), used, expires],
  );

describe('a session', () => {
  it('is listed with its device, when it began and was used, and which one asks', async () => {
    const email = newEmail();
    const first = (await register({ email }, { authorization: '', 'user-agent': 'Phone' })).body.token;
    const second = (
      await logIn(email, password, { authorization: '', 'user-agent': `Laptop ${'x'.repeat(300)}` })
    ).body.token;
    await makeOld(first, '1 hour', '29 days 12 hours');
    const list = await sessionsOf(second);
    expect(list.map(({ device, current }) => [device.slice(0, 6), current])).toEqual([
      ['Laptop', true],
      ['Phone', false],
    ]);
    expect(list[0]?.device).toHaveLength(200);
    expect(daysUntil(list[0]?.expiresAt ?? '')).toBeCloseTo(30, 1);
    expect(daysUntil(list[1]?.lastUsedAt ?? '')).toBeCloseTo(-1 / 24, 2);
    expect(Date.parse(list[1]?.createdAt ?? '')).toBeLessThanOrEqual(Date.parse(list[0]?.createdAt ?? ''));
  });

  it('is stored as a hash only', async () => {
    const { token } = (await register()).body;
    expect(token).toMatch(/^hfs_[\w-]{43}$/);
    const { rows } = await stack.db.query(`select each::text as row from sessions each`);
    expect(rows.map(({ row }) => row).join('\n')).toContain(hashToken(token));
    expect(rows.map(({ row }) => row).join('\n')).not.toContain(token.slice(4));
  });

  it('can be ended from another one, but not by somebody else', async () => {
    const email = newEmail();
    const kept = (await register({ email })).body.token;
    const lost = (await logIn(email)).body.token;
    const id = (await sessionsOf(kept)).find(({ current }) => !current)?.id;
    const end = (token: string) =>
      call<{ code: string }>(base, 'DELETE', `/api/me/sessions/${id}`, undefined, bearer(token));

    const stranger = (await register()).body.token;
    const refused = await end(stranger);
    expect([refused.status, refused.body.code]).toEqual([404, 'session_not_found']);
    expect((await me(lost)).status).toBe(200);

    expect((await end(kept)).status).toBe(204);
    expect((await me(lost)).status).toBe(401);
    expect((await me(kept)).status).toBe(200);
    expect((await end(kept)).body.code).toBe('session_not_found');
  });

  it('ends by logging out, and only that one', async () => {
    const email = newEmail();
    const kept = (await register({ email })).body.token;
    const left = (await logIn(email)).body.token;
    expect((await call(base, 'POST', '/api/auth/logout', undefined, bearer(left))).status).toBe(204);
    expect((await me(left)).status).toBe(401);
    expect((await me(kept)).status).toBe(200);
  });

  it('ends together with the event connections that it had opened', async () => {
    const { user, token: left } = (await register()).body;
    const kept = (await logIn(String(user.email))).body.token;
    const { id } = (await call<{ id: string }>(base, 'POST', '/api/conversations', {}, bearer(left))).body;
    const text = question({ deltas: 2, intervalMs: 60_000 });
    const asked = await call<{ run: { eventsUrl: string } }>(
      base,
      'POST',
      `/api/conversations/${id}/messages`,
      { text },
      bearer(left),
    );
    const url = `${base}${asked.body.run.eventsUrl}`;
    const stream = await openEventStream(url, { headers: bearer(left) });
    await call(base, 'POST', '/api/auth/logout', undefined, bearer(left));
    // The run goes on, and so would the connection.
    expect(await stream.ended).not.toBe('cut');
    expect((await openEventStream(url, { headers: bearer(left) })).status).toBe(401);
    const other = await openEventStream(url, { headers: bearer(kept) });
    expect(other.status).toBe(200);
    other.cut();
  });

  it('lives on while it is used, and ends when it is not', async () => {
    const { token } = (await register()).body;
    await makeOld(token, '2 days', '1 hour');
    expect((await me(token)).status).toBe(200);
    const [session] = await sessionsOf(token);
    expect(daysUntil(session?.expiresAt ?? '')).toBeCloseTo(30, 1);
    expect(daysUntil(session?.lastUsedAt ?? '')).toBeCloseTo(0, 1);

    await makeOld(token, '30 days', '-1 second');
    expect((await me(token)).status).toBe(401);
    expect((await me(token)).status).toBe(401);
  });

  it('is forgotten when it has run out', async () => {
    const { user, token } = (await register()).body;
    const kept = (await logIn(String(user.email))).body.token;
    await makeOld(token, '30 days', '-1 second');
    const store = connectDatabase({
      url: String(stack.env['DATABASE_URL']),
      connectionsMax: 1,
      applicationName: 'test',
      onIdleError: () => {},
    });
    await forgetOldSessions(store);
    await store.destroy();
    const { rows } = await stack.db.query('select token_hash from sessions where user_id = $1', [user.id]);
    expect(rows).toEqual([{ token_hash: hashToken(kept) }]);
  });

  it('makes room when there are a hundred: the one that was used least lately ends', async () => {
    const { user, token } = (await register()).body;
    await stack.db.query(
      `insert into sessions (id, user_id, token_hash, device, last_used_at, expires_at)
       select gen_random_uuid(), $1::uuid, 'crowd ' || $1::text || n, 'robot', now() + n * interval '1 second', now() + interval '1 day'
       from generate_series(1, 99) n`,
      [user.id],
    );
    const { email } = user;
    const newest = (await logIn(String(email))).body.token;
    expect((await me(token)).status).toBe(401);
    expect(await sessionsOf(newest)).toHaveLength(100);
  });
});
