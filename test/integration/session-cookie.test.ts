/** The cookie that keeps a browser logged in. */
import { hashToken } from '@holdfast/shared/token.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accountsAt, bearer, newEmail, type Opened, password } from '../support/accounts.ts';
import { openBrowserAt } from '../support/browser-cookies.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';

let stack: Stack;
let base: string;
beforeAll(async () => {
  stack = await startStack({ workers: 0 });
  base = stack.apis[0]?.url ?? '';
});
afterAll(() => stack.stop());
const { register, me } = accountsAt(() => base);

const makeOld = (token: string, used: string, expires: string) =>
  stack.db.query(
    `update sessions set last_used_at = now() - $2::interval, expires_at = now() + $3::interval where token_hash = $1`,
    [hashToken(token), used, expires],
  );

describe('the session cookie', () => {
  it('is HttpOnly, SameSite=Lax, for the whole site, for thirty days, and never in the body', async () => {
    const browser = openBrowserAt(base);
    const { status, body } = await browser.send<Opened>('POST', '/api/auth/register', {
      email: newEmail(),
      password,
    });
    expect([status, body.token]).toEqual([201, null]);
    expect(browser.session).toMatch(/^hfs_/);
    expect(browser.attributes.sort()).toEqual(
      ['httponly', 'max-age=2592000', 'path=/', 'samesite=lax'].sort(),
    );
    expect((await browser.send('GET', '/api/me')).body).toEqual(body.user);
  });

  it('is Secure where the browser speaks TLS to the proxy in front', async () => {
    const proxied = await stack.startApi({ TRUST_PROXY_HOPS: '1' });
    const browser = openBrowserAt(proxied.url);
    const host = new URL(proxied.url).host;
    const headers = { 'x-forwarded-proto': 'https', 'x-forwarded-for': '192.0.2.1' };
    const { status } = await browser.send(
      'POST',
      '/api/auth/guest',
      {},
      { origin: `https://${host}`, headers },
    );
    expect(status).toBe(201);
    expect(browser.attributes).toContain('secure');
    await proxied.stop();
  });

  it('is another one after each log-in, and the one before has ended', async () => {
    const email = newEmail();
    await register({ email });
    const browser = openBrowserAt(base);
    await browser.send('POST', '/api/auth/guest');
    const asGuest = String(browser.session);
    expect((await browser.send('POST', '/api/auth/login', { email, password })).status).toBe(200);
    const first = String(browser.session);
    expect((await browser.send('POST', '/api/auth/login', { email, password })).status).toBe(200);
    expect(new Set([asGuest, first, browser.session]).size).toBe(3);
    expect([
      (await me(asGuest)).status,
      (await me(first)).status,
      (await me(String(browser.session))).status,
    ]).toEqual([401, 401, 200]);
  });

  it('goes when the browser logs out, or asks for a token instead', async () => {
    const email = newEmail();
    await register({ email });
    const browser = openBrowserAt(base);
    await browser.send('POST', '/api/auth/login', { email, password });
    const token = String(browser.session);
    expect((await browser.send('POST', '/api/auth/logout')).status).toBe(204);
    expect(browser.session).toBeUndefined();
    expect((await me(token)).status).toBe(401);

    await browser.send('POST', '/api/auth/login', { email, password });
    const opened = await browser.send<Opened>('POST', '/api/auth/login', {
      email,
      password,
      session: 'token',
    });
    expect(opened.body.token).toMatch(/^hfs_/);
    expect(browser.session).toBeUndefined();
  });

  it('is sent anew when its session is prolonged, which is once a day', async () => {
    const browser = openBrowserAt(base);
    await browser.send('POST', '/api/auth/guest');
    const token = String(browser.session);
    expect((await browser.send('GET', '/api/me')).headers.getSetCookie()).toEqual([]);
    await makeOld(token, '1 hour', '29 days 1 hour');
    expect((await browser.send('GET', '/api/me')).headers.getSetCookie()).toEqual([]);
    await makeOld(token, '1 hour', '28 days');
    const [cookie] = (await browser.send('GET', '/api/me')).headers.getSetCookie();
    expect(cookie).toContain(`holdfast_session=${token}; Max-Age=2592000`);
    expect((await browser.send('GET', '/api/me')).headers.getSetCookie()).toEqual([]);
  });

  it('yields to a bearer token, also to one that does not hold', async () => {
    const browser = openBrowserAt(base);
    await browser.send('POST', '/api/auth/guest');
    const as = async (token: string) =>
      (await browser.send('GET', '/api/me', undefined, { headers: bearer(token) })).body as {
        id?: string;
        code?: string;
      };
    expect((await as(testUser.apiKey)).id).toBe(testUser.id);
    expect((await as(`hfs_${'x'.repeat(43)}`)).code).toBe('unauthenticated');
  });
});
