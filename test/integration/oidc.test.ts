/** Users whom an identity provider vouches for. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readApiConfig } from '../../apps/api/src/config.ts';
import { accountsAt, bearer, type Opened } from '../support/accounts.ts';
import { call } from '../support/ask.ts';
import {
  audience,
  forgedToken,
  type IdentityProvider,
  startIdentityProvider,
} from '../support/identity-provider.ts';
import { twoUrls } from '../support/inspect.ts';
import { type Stack, startStack } from '../support/stack.ts';

let provider: IdentityProvider;
let oidcEnv: Record<string, string>;
let stack: Stack;
let bases: readonly [string, string];
beforeAll(async () => {
  provider = await startIdentityProvider('RS256');
  oidcEnv = { OIDC_ISSUER: provider.issuer, OIDC_AUDIENCE: audience, OIDC_JWKS_URL: provider.jwksUrl };
  stack = await startStack({ apis: 2, workers: 0, env: oidcEnv });
  bases = twoUrls(stack);
});
afterAll(async () => {
  await stack.stop();
  await provider.stop();
});

const me = (base: string, token: string) =>
  call<Opened['user'] & { code: string }>(base, 'GET', '/api/me', undefined, bearer(token));

describe('a token of the identity provider', () => {
  it('makes its user once, whichever process and however many requests come first', async () => {
    const token = await provider.sign('ada', { claims: { name: 'Ada', email: 'test-user@example.com' } });
    const replies = await Promise.all(Array.from({ length: 12 }, (_, n) => me(bases[n % 2] ?? '', token)));
    expect(new Set(replies.map(({ body }) => body.id)).size).toBe(1);
    // The address belongs to an account here, which need not be theirs.
    expect(replies[0]?.body).toMatchObject({ name: 'Ada', kind: 'member', role: 'user', email: null });
    const { rows } = await stack.db.query("select id from users where oidc_subject = 'ada'");
    expect(rows).toEqual([{ id: replies[0]?.body.id }]);

    const later = await provider.sign('ada', { claims: { name: 'Another name' } });
    expect((await me(bases[0], later)).body).toEqual(replies[0]?.body);
    expect((await me(bases[0], await provider.sign('bob'))).body.id).not.toBe(replies[0]?.body.id);
  });

  it('opens what is the user’s, but not sessions, keys and passwords', async () => {
    const token = await provider.sign('eve');
    const made = await call<{ id: string }>(bases[0], 'POST', '/api/conversations', {}, bearer(token));
    expect(made.status).toBe(201);
    const path = `/api/conversations/${made.body.id}`;
    expect((await call(bases[1], 'GET', path, undefined, bearer(token))).status).toBe(200);
    expect(
      (await call(bases[1], 'GET', path, undefined, bearer(await provider.sign('mallory')))).status,
    ).toBe(404);
    const key = await call<{ code: string }>(
      bases[0],
      'POST',
      '/api/me/api-keys',
      { name: 'k' },
      bearer(token),
    );
    expect([key.status, key.body.code]).toEqual([403, 'forbidden']);
    const account = await accountsAt(bases[0]).register({}, bearer(token));
    expect([account.status, account.body.code]).toEqual([409, 'already_registered']);
  });

  it('that does not hold is a 401, and never a fault of ours', async () => {
    const claims = { sub: 's', iss: provider.issuer, aud: audience, exp: 4_000_000_000 };
    for (const token of [
      await provider.sign('s', { issuer: 'https://other.example' }),
      await provider.sign('s', { audience: 'another' }),
      await provider.sign('s', { expiresIn: -3_600 }),
      forgedToken({ alg: 'none' }, claims),
      forgedToken({ alg: 'HS256' }, claims, 'c2lnbmF0dXJl'),
      'a.b.c',
      'x'.repeat(8_000),
    ]) {
      const { status, headers, body } = await me(bases[0], token);
      expect([status, body.code, headers.get('www-authenticate')]).toEqual([
        401,
        'unauthenticated',
        'Bearer',
      ]);
    }
  });

  it('of a user who is disabled is refused', async () => {
    const token = await provider.sign('dora');
    const { id } = (await me(bases[0], token)).body;
    await stack.db.query('update users set disabled_at = now() where id = $1', [id]);
    expect((await me(bases[0], token)).body.code).toBe('account_disabled');
  });

  it('is just another word where no provider is set', async () => {
    const alone = await stack.startApi({ OIDC_ISSUER: '', OIDC_AUDIENCE: '', OIDC_JWKS_URL: '' });
    expect((await me(alone.url, await provider.sign('ada'))).status).toBe(401);
    await alone.stop();
  });

  it('is a 503 while the keys were never read, and works once they can be', async () => {
    await provider.stop();
    const late = await stack.startApi();
    const token = await provider.sign('fay');
    const { status, headers, body } = await me(late.url, token);
    expect([status, body.code, headers.get('retry-after')]).toEqual([
      503,
      'identity_provider_unavailable',
      '5',
    ]);
    // Others know the keys already, and everybody else does not notice.
    expect((await me(bases[0], token)).status).toBe(200);
    expect((await accountsAt(late.url).guest()).status).toBe(201);
    await provider.start();
    await expect.poll(async () => (await me(late.url, token)).status, { timeout: 30_000 }).toBe(200);
    await late.stop();
  });

  it('makes the first member of all an administrator', async () => {
    await stack.db.query('delete from users');
    const roles = await Promise.all(
      ['g', 'h', 'i', 'j'].map(
        async (name, n) => (await me(bases[n % 2] ?? '', await provider.sign(name))).body.role,
      ),
    );
    expect(roles.sort()).toEqual(['admin', 'user', 'user', 'user']);
  });
});

describe('the settings of the identity provider', () => {
  const needed = { DATABASE_URL: 'postgres://127.0.0.1/db', REDIS_URL: 'redis://127.0.0.1' };

  it('belong together', () => {
    expect(() => readApiConfig({ ...needed, ...oidcEnv })).not.toThrow();
    for (const missing of Object.keys(oidcEnv)) {
      expect(() => readApiConfig({ ...needed, ...oidcEnv, [missing]: '' })).toThrow(
        /^Wrong settings: OIDC_ISSUER, OIDC_AUDIENCE and OIDC_JWKS_URL belong together: set all three, or none\.$/,
      );
    }
  });

  it('stop a process that has only some of them, with that sentence', async () => {
    await expect(stack.startApi({ OIDC_AUDIENCE: '' })).rejects.toThrow(
      /belong together: set all three, or none/,
    );
  });
});
