/** API keys: how programs of a user show who sends them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accountsAt, bearer, password } from '../support/accounts.ts';
import { call } from '../support/ask.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let base: string;
beforeAll(async () => {
  stack = await startStack({ workers: 0 });
  base = stack.apis[0]?.url ?? '';
});
afterAll(() => stack.stop());
const { register, guest, me } = accountsAt(() => base);

describe('an API key', () => {
  interface Key {
    readonly id: string;
    readonly name: string;
    readonly hint: string;
    readonly lastUsedAt: string | null;
  }
  const make = (token: string, name: string, headers: Record<string, string> = {}) =>
    call<{ apiKey: Key; token: string; code?: string }>(
      base,
      'POST',
      '/api/me/api-keys',
      { name },
      {
        ...bearer(token),
        ...headers,
      },
    );
  const keysOf = async (token: string) =>
    (await call<{ apiKeys: Key[] }>(base, 'GET', '/api/me/api-keys', undefined, bearer(token))).body.apiKeys;

  it('is shown once, opens the account, and is listed with a hint and its last use', async () => {
    const { user, token } = (await register()).body;
    const { status, body } = await make(token, 'backup');
    expect(status).toBe(201);
    expect(body.token).toMatch(/^hfk_[\w-]{43}$/);
    expect(body.apiKey).toMatchObject({ name: 'backup', hint: body.token.slice(0, 8), lastUsedAt: null });
    expect((await me(body.token)).body.id).toBe(user.id);

    const [listed, ...others] = await keysOf(token);
    expect(others).toEqual([]);
    expect(listed).toEqual({ ...body.apiKey, lastUsedAt: expect.any(String) });
    const { rows } = await stack.db.query('select each::text as row from api_keys each');
    expect(rows.map(({ row }) => row).join('\n')).not.toContain(body.token.slice(9));
  });

  it('opens nothing any more once it is revoked, which only its owner can do', async () => {
    const { token } = (await register()).body;
    const { apiKey, token: key } = (await make(token, 'old')).body;
    const revoke = (as: string) =>
      call<{ code: string }>(base, 'DELETE', `/api/me/api-keys/${apiKey.id}`, undefined, bearer(as));
    expect((await revoke((await register()).body.token)).body.code).toBe('api_key_not_found');
    expect((await me(key)).status).toBe(200);
    expect((await revoke(token)).status).toBe(204);
    expect((await me(key)).status).toBe(401);
    expect((await revoke(token)).body.code).toBe('api_key_not_found');
  });

  it('is not enough to see or change keys, sessions or the password', async () => {
    const { user, token } = (await register()).body;
    const { apiKey: made, token: key } = (await make(token, 'narrow')).body;
    const { rows } = await stack.db.query('select id from sessions where user_id = $1', [user.id]);
    for (const [method, path, body] of [
      ['POST', '/api/me/api-keys', { name: 'more' }],
      ['GET', '/api/me/api-keys', undefined],
      ['DELETE', `/api/me/api-keys/${made.id}`, undefined],
      ['GET', '/api/me/sessions', undefined],
      ['DELETE', `/api/me/sessions/${rows[0].id}`, undefined],
      ['PUT', '/api/me/password', { current: password, password: 'another password' }],
      ['POST', '/api/auth/logout', undefined],
    ] as const) {
      const reply = await call<{ code: string }>(base, method, path, body, bearer(key));
      expect([reply.status, reply.body.code], `${method} ${path}`).toEqual([403, 'forbidden']);
    }
    expect((await me(token)).status).toBe(200);
  });

  it('that is asked for again with the same Idempotency-Key is the same, and stored nowhere', async () => {
    const { user, token } = (await register()).body;
    const headers = { 'idempotency-key': 'one-key' };
    const [first, ...repeats] = await Promise.all(
      Array.from({ length: 4 }, () => make(token, 'once', headers)),
    );
    for (const repeat of repeats) expect(repeat.body).toEqual(first?.body);
    expect((await me(first?.body.token ?? '')).body.id).toBe(user.id);
    expect(await keysOf(token)).toHaveLength(1);
    const { rows } = await stack.db.query('select each::text as row from idempotency_keys each');
    expect(rows).toHaveLength(1);
    expect(rows[0].row).not.toContain(first?.body.token.slice(9));

    const other = await make(token, 'other', headers);
    expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
    const without = [await make(token, 'free'), await make(token, 'free')];
    expect(without[0]?.body.token).not.toBe(without[1]?.body.token);
  });

  it('is refused when there are a hundred, also when two want to be the hundredth', async () => {
    const { user, token } = (await guest()).body;
    await stack.db.query(
      `insert into api_keys (id, user_id, name, token_hash, hint)
       select gen_random_uuid(), $1::uuid, 'crowd', 'crowd ' || $1::text || n, 'hfk_' from generate_series(1, 99) n`,
      [user.id],
    );
    const waiting =
      "select from pg_stat_activity where wait_event = 'advisory' and datname = current_database()";
    const holder = await stack.db.connect();
    await holder.query('begin');
    await holder.query('select pg_advisory_xact_lock(hashtextextended($1, 1))', [user.id]);
    const both = Promise.all([make(token, 'more'), make(token, 'more')]);
    // Both are there, and neither has counted yet.
    await expect.poll(async () => (await stack.db.query(waiting)).rowCount, { timeout: 20_000 }).toBe(2);
    await holder.query('commit');
    holder.release();
    const replies = await both;
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(1);
    const refused = replies.find(({ status }) => status !== 201);
    expect([refused?.status, refused?.body.code]).toEqual([409, 'too_many_api_keys']);
    expect((await make(token, 'more')).body.code).toBe('too_many_api_keys');
  });
});
