/** What administrators see and change. */
import type { AdminUser } from '@holdfast/shared/http/accounts.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accountsAt, bearer, newEmail, password } from '../support/accounts.ts';
import { ask, call, question } from '../support/ask.ts';
import { twoUrls } from '../support/inspect.ts';
import { openEventStream } from '../support/sse-reader.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let base: string;
let other: string;
let admin: string;
let adminId: string;
beforeAll(async () => {
  stack = await startStack({ apis: 2 });
  [base, other] = twoUrls(stack);
  const { user, token } = (await register({ email: 'root@example.com', name: 'Root' })).body;
  await stack.db.query("update users set role = 'admin' where id = $1", [user.id]);
  [admin, adminId] = [token, user.id];
});
afterAll(() => stack.stop());
const { register, logIn, guest, me, apiKey } = accountsAt(() => base);

interface Page {
  readonly users: AdminUser[];
  readonly nextCursor: string | null;
}
const list = (query: string, token = admin) =>
  call<Page & { code: string }>(base, 'GET', `/api/admin/users?${query}`, undefined, bearer(token));
const change = (id: string, body: object, token = admin) =>
  call<AdminUser & { code: string }>(base, 'PATCH', `/api/admin/users/${id}`, body, bearer(token));

describe('administration', () => {
  it('is for administrators only', async () => {
    const { user, token } = (await register()).body;
    const visitor = (await guest()).body.token;
    for (const refused of [
      await list('', token),
      await list('', visitor),
      await change(user.id, { role: 'admin' }, token),
      await change(user.id, { role: 'admin' }, await apiKey(token)),
    ]) {
      expect([refused.status, refused.body.code]).toEqual([403, 'forbidden']);
    }
    expect((await me(token)).body.role).toBe('user');
  });

  it('shows all users, newest first, page by page, and tells no secret', async () => {
    const made = [];
    for (let n = 0; n < 5; n++) made.push((await register({ name: `Page ${n}` })).body.user.id);
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const { body }: { body: Page } = await list(`limit=2${cursor && `&cursor=${cursor}`}`);
      expect(body.users.length).toBeLessThanOrEqual(2);
      for (const user of body.users) {
        expect(Object.keys(user).sort()).toEqual(
          ['id', 'name', 'kind', 'role', 'email', 'disabled', 'limits', 'createdAt'].sort(),
        );
      }
      seen.push(...body.users.map(({ id }) => id));
      cursor = body.nextCursor;
    }
    expect(seen.slice(0, 5)).toEqual(made.toReversed());
    expect(new Set(seen).size).toBe(seen.length);
    const { rows } = await stack.db.query("select id from users where name <> 'Local user'");
    expect(new Set(seen)).toEqual(new Set(rows.map(({ id }) => id)));
  });

  it('finds users by a part of their name or e-mail address, taken literally', async () => {
    const { id } = (
      await register({ email: 'needle_50%@example.com'.replace('%', 'pc'), name: 'Odd 50%_\\ name' })
    ).body.user;
    await register({ name: 'Odd 50xx name' });
    for (const q of ['NEEDLE_50', '50%_', '_\\ NAME', 'needle_50pc@example.com']) {
      const { body } = await list(`q=${encodeURIComponent(q)}`);
      expect(
        body.users.map((user) => user.id),
        q,
      ).toEqual([id]);
    }
    expect((await list(`q=${encodeURIComponent("' or 1=1 --")}`)).body.users).toEqual([]);
  });

  it.each(['cursor=x', 'cursor=', 'limit=0', 'limit=101', 'q=', 'q=%00', 'unknown=1'])(
    'refuses ?%s',
    async (query) => {
      expect((await list(query)).status).toBe(400);
    },
  );

  it('sets limits, all at once, and makes administrators', async () => {
    const { user, token } = (await register()).body;
    const limits = { waitingRuns: 5, weight: 0.5 };
    expect((await change(user.id, { limits })).body).toMatchObject({ id: user.id, limits, role: 'user' });
    expect((await change(user.id, { limits: { priority: 1 } })).body.limits).toEqual({ priority: 1 });
    expect((await change(user.id, {})).body.limits).toEqual({ priority: 1 });
    expect((await change(user.id, { limits: { weight: 0 } })).status).toBe(400);
    expect((await change(user.id, { limits: { unknown: 1 } })).status).toBe(400);
    expect((await change(user.id, { role: 'owner' })).status).toBe(400);

    expect((await change(user.id, { role: 'admin' })).body.role).toBe('admin');
    expect((await list('limit=1', token)).status).toBe(200);
    expect((await change(user.id, { role: 'user' })).body.role).toBe('user');
    expect((await list('limit=1', token)).status).toBe(403);
  });

  it('makes no administrator of a guest, and knows no user that does not exist', async () => {
    const { user } = (await guest()).body;
    expect((await change(user.id, { role: 'admin' })).body.code).toBe('forbidden');
    expect((await me(admin)).body.role).toBe('admin');
    const { rows } = await stack.db.query('select role from users where id = $1', [user.id]);
    expect(rows[0].role).toBe('user');
    for (const id of [
      '01890000-0000-7000-8000-000000000000',
      'nobody',
      '00000000-0000-7000-8000-000000000001',
    ]) {
      const { status, body } = await change(id, { disabled: true });
      expect([status, body.code], id).toEqual([404, 'user_not_found']);
    }
  });
});

describe('a disabled user', () => {
  it('is refused at once, by everything that they had, until they are let in again', async () => {
    const email = newEmail();
    const { user, token } = (await register({ email })).body;
    const key = await apiKey(token);
    expect((await change(user.id, { disabled: true })).body.disabled).toBe(true);
    for (const credential of [token, key]) {
      const reply = await call<{ code: string }>(other, 'GET', '/api/me', undefined, bearer(credential));
      expect([reply.status, reply.body.code]).toEqual([403, 'account_disabled']);
    }
    expect((await logIn(email)).body.code).toBe('account_disabled');
    expect((await register({}, bearer(token))).body.code).toBe('account_disabled');

    expect((await change(user.id, { disabled: false })).body.disabled).toBe(false);
    expect((await me(token)).status).toBe(200);
    expect((await logIn(email)).status).toBe(200);
  });

  it('loses the event connections that are open, on every API process', async () => {
    const { user, token } = (await register()).body;
    const { id } = (await call<{ id: string }>(base, 'POST', '/api/conversations', {}, bearer(token))).body;
    const text = question({ deltas: 2, intervalMs: 60_000 });
    const { run } = (
      await call<{ run: { eventsUrl: string } }>(
        base,
        'POST',
        `/api/conversations/${id}/messages`,
        { text },
        bearer(token),
      )
    ).body;
    const streams = await Promise.all(
      [base, other].map((api) => openEventStream(`${api}${run.eventsUrl}`, { headers: bearer(token) })),
    );
    await change(user.id, { disabled: true });
    for (const stream of streams) {
      // Ends only because the server ends it: the run goes on, and so would the connection.
      for await (const item of stream) expect(item.kind).toBeTypeOf('string');
    }
    const again = await fetch(`${base}${run.eventsUrl}`, { headers: bearer(token) });
    expect(again.status).toBe(403);
    await again.body?.cancel();
  });
});

describe('the last administrator', () => {
  it('can be neither disabled nor demoted, also not by themselves', async () => {
    for (const body of [{ disabled: true }, { role: 'user' }, { disabled: true, role: 'admin' }]) {
      const reply = await change(adminId, body);
      expect([reply.status, reply.body.code]).toEqual([409, 'last_admin']);
    }
    const { user } = (await register()).body;
    await change(user.id, { role: 'admin', disabled: true });
    // One who is disabled does not count.
    expect((await change(adminId, { role: 'user' })).body.code).toBe('last_admin');
    expect((await change(adminId, { limits: {} })).status).toBe(200);
    await change(user.id, { role: 'user' });
  });

  it('remains when two administrators demote each other at the same time', async () => {
    const second = (await register({ password })).body;
    for (let round = 0; round < 5; round++) {
      await stack.db.query("update users set role = 'admin' where id = any($1)", [[adminId, second.user.id]]);
      const replies = await Promise.all([
        change(second.user.id, { role: 'user' }, admin),
        change(adminId, { role: 'user' }, second.token),
      ]);
      expect(replies.map(({ status }) => status).filter((status) => status === 200)).toHaveLength(1);
      const { rows } = await stack.db.query("select count(*)::int as admins from users where role = 'admin'");
      expect(rows[0].admins).toBe(1);
    }
    await stack.db.query("update users set role = 'admin' where id = $1", [adminId]);
    expect((await ask(base, 'Still here?')).run.status).toBe('queued');
  });
});
