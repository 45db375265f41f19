/** Accounts and their passwords. */
import { createPasswords } from '@holdfast/shared/password.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accountsAt, bearer, newEmail, type Opened, password } from '../support/accounts.ts';
import { call } from '../support/ask.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let base: string;
beforeAll(async () => {
  stack = await startStack({ workers: 0 });
  base = stack.apis[0]?.url ?? '';
});
afterAll(() => stack.stop());
const { register, logIn, guest, me, apiKey } = accountsAt(() => base);

describe('an account', () => {
  it('is made by registering, and its session token opens it', async () => {
    const email = newEmail();
    const { status, body } = await register({ email, name: ' Ada ' });
    expect(status).toBe(201);
    expect(body.user).toMatchObject({ name: 'Ada', kind: 'member', email });
    expect((await me(body.token)).body).toEqual(body.user);
  });

  it('is named after its e-mail address when it is given no name', async () => {
    expect((await register({ email: 'grace.hopper@example.com' })).body.user.name).toBe('grace.hopper');
  });

  it('is found by its e-mail address in any case, and cannot be made twice', async () => {
    expect((await register({ email: 'Mixed.Case@example.com' })).status).toBe(201);
    expect((await logIn('mixed.case@EXAMPLE.com')).status).toBe(200);
    const again = await register({ email: 'MIXED.case@example.com' });
    expect([again.status, again.body.code]).toEqual([409, 'email_taken']);
  });

  it('is made once when two register with the same address at the same time', async () => {
    const email = newEmail();
    const replies = await Promise.all(Array.from({ length: 6 }, () => register({ email })));
    expect(replies.filter((reply) => reply.status === 201)).toHaveLength(1);
    expect(replies.filter((reply) => reply.body.code === 'email_taken')).toHaveLength(5);
  });

  it.each([
    ['no address', { email: 'ada' }],
    ['an address of more than 254 characters', { email: `${'a'.repeat(250)}@example.com` }],
    ['a password of 7 characters', { password: '1234567' }],
    ['a password of 257 characters', { password: 'x'.repeat(257) }],
    ['a password with NUL', { password: 'abcdefgh\u0000' }],
    ['a password with half a character', { password: 'abcdefgh\ud800' }],
    ['a blank name', { name: '  ' }],
    ['a name of more than 100 characters', { name: 'n'.repeat(101) }],
    ['a field that does not exist', { role: 'admin' }],
    ['another kind of session', { session: 'jwt' }],
  ])('is not made with %s', async (_, fault) => {
    const { status, body } = await register(fault);
    expect([status, body.code]).toEqual([400, 'invalid_request']);
  });

  it('keeps of the password only an Argon2id hash at the cost that OWASP advises', async () => {
    const { body } = await register();
    const { rows } = await stack.db.query('select password_hash from users where id = $1', [body.user.id]);
    expect(rows[0].password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
  });

  it('can be renamed', async () => {
    const { body } = await register();
    const reply = await call<Opened['user']>(base, 'PATCH', '/api/me', { name: 'Lin' }, bearer(body.token));
    expect(reply.body).toEqual({ ...body.user, name: 'Lin' });
    expect((await me(body.token)).body.name).toBe('Lin');
    const unchanged = await call<Opened['user']>(base, 'PATCH', '/api/me', {}, bearer(body.token));
    expect(unchanged.body.name).toBe('Lin');
  });
});

describe('logging in', () => {
  it('says the same for a wrong password, an unknown account and one without a password', async () => {
    const email = newEmail();
    await register({ email });
    const replies = await Promise.all([
      logIn(email, 'another password'),
      logIn(newEmail()),
      logIn('test-user@example.com'),
      logIn(email, 'short'),
    ]);
    for (const { status, headers, body } of replies) {
      expect([status, headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
      const { requestId, ...said } = body as unknown as Record<string, unknown>;
      expect(said).toMatchObject({ code: 'wrong_credentials', detail: expect.any(String) });
      expect(said).toEqual({ ...(replies[0]?.body as object), requestId: undefined });
      expect(requestId).toBeTypeOf('string');
    }
  });

  it('takes a password however its characters are composed', async () => {
    const email = newEmail();
    await register({ email, password: 'caf\u00e9-caf\u00e9' });
    expect((await logIn(email, 'cafe\u0301-cafe\u0301')).status).toBe(200);
  });

  it('hashes the password anew when it was hashed at another cost', async () => {
    const email = newEmail();
    const { body } = await register({ email });
    const cheap = await createPasswords({ memoryKib: 1024, passes: 1, parallelism: 1 }).hash(password);
    await stack.db.query('update users set password_hash = $2 where id = $1', [body.user.id, cheap]);
    expect((await logIn(email, 'wrong password')).status).toBe(401);
    const hashNow = async () =>
      (await stack.db.query('select password_hash from users where id = $1', [body.user.id])).rows[0]
        .password_hash;
    expect(await hashNow()).toBe(cheap);
    expect((await logIn(email)).status).toBe(200);
    expect(await hashNow()).toContain('$m=19456,t=2,p=1$');
    expect((await logIn(email)).status).toBe(200);
  });

  it('tells that an account is disabled only to who knows the password', async () => {
    const email = newEmail();
    const { body } = await register({ email });
    await stack.db.query('update users set disabled_at = now() where id = $1', [body.user.id]);
    expect((await logIn(email, 'wrong password')).body.code).toBe('wrong_credentials');
    const right = await logIn(email);
    expect([right.status, right.body.code]).toEqual([403, 'account_disabled']);
  });
});

describe('the password', () => {
  const change = (token: string, current: string, next: string) =>
    call<{ code: string }>(base, 'PUT', '/api/me/password', { current, password: next }, bearer(token));

  it('can be changed by who knows it, which ends all other sessions', async () => {
    const email = newEmail();
    const first = (await register({ email })).body.token;
    const second = (await logIn(email)).body.token;
    expect((await change(first, 'wrong password', 'new password')).body.code).toBe('wrong_credentials');
    expect((await me(second)).status).toBe(200);

    expect((await change(first, password, 'new password')).status).toBe(204);
    expect((await me(first)).status).toBe(200);
    expect((await me(second)).status).toBe(401);
    expect((await logIn(email)).status).toBe(401);
    expect((await logIn(email, 'new password')).status).toBe(200);
  });

  it('is not changed by an API key, nor for somebody who has none', async () => {
    const { token } = (await register()).body;
    const key = await apiKey(token);
    expect((await change(key, password, 'new password')).body.code).toBe('forbidden');
    const { token: visitor } = (await guest()).body;
    expect((await change(visitor, password, 'new password')).body.code).toBe('forbidden');
  });

  it('that changes while somebody logs in with the old one lets them in no more', async () => {
    const email = newEmail();
    const { user } = (await register({ email })).body;
    const hash = await createPasswords().hash('new password');
    const changing = await stack.db.connect();
    try {
      await changing.query('begin');
      await changing.query('update users set password_hash = $2 where id = $1', [user.id, hash]);
      const logged = logIn(email);
      // The old password is still the right one for whom does not see the change; then it waits for its end.
      await expect
        .poll(
          async () =>
            (
              await stack.db.query(
                `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
              )
            ).rowCount,
          { timeout: 20_000 },
        )
        .toBe(1);
      await changing.query('commit');
      expect((await logged).body.code).toBe('wrong_credentials');
    } finally {
      changing.release(true);
    }
  });
});
