/** What pages of other sites cannot make a browser do, whatever cookies it sends along. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accountsAt, bearer, newEmail, type Opened, password } from '../support/accounts.ts';
import { call } from '../support/ask.ts';
import { type CookieJar, openBrowserAt } from '../support/browser-cookies.ts';
import { type ApiProcess, type Stack, startStack } from '../support/stack.ts';

const friend = 'https://friend.example';
const publicUrl = 'https://chat.example.com';

let stack: Stack;
let base: string;
let proxied: ApiProcess;
let browser: CookieJar;
beforeAll(async () => {
  stack = await startStack({ workers: 0, env: { CORS_ORIGINS: friend, PUBLIC_URL: publicUrl } });
  base = stack.apis[0]?.url ?? '';
  proxied = await stack.startApi({ TRUST_PROXY_HOPS: '1' });
  browser = openBrowserAt(base);
  await browser.send('POST', '/api/auth/guest');
});
afterAll(() => stack.stop());

type Options = Parameters<CookieJar['send']>[3];
/** Tries to change the name; the code of the refusal, or null. */
async function refusal(options: Options, at = browser): Promise<unknown> {
  const { status, body } = await at.send('PATCH', '/api/me', { name: 'Changed' }, options);
  return status === 200 ? null : body['code'];
}

describe('a request with the session cookie that changes something', () => {
  const { host, port } = new URL('http://127.0.0.1:1');
  it.each([
    ['another site', 'https://evil.example'],
    ['a page that hides its origin', 'null'],
    ['the same host on another port', `http://${host.replace(port, '2')}`],
    ['a host that ends like ours', 'http://x127.0.0.1'],
    ['a part of a friend', 'https://friend.example.evil.example'],
    ['a friend over another scheme', 'http://friend.example'],
    ['nonsense', 'http://'],
    ['a file', 'file://'],
  ])('is refused from %s', async (_, origin) => {
    expect(await refusal({ origin })).toBe('foreign_origin');
  });

  it('is refused without an origin, unless the browser says that it is our own', async () => {
    expect(await refusal({ origin: null })).toBe('foreign_origin');
    for (const site of ['cross-site', 'same-site', 'none', 'Same-Origin']) {
      expect(await refusal({ origin: null, headers: { 'sec-fetch-site': site } }), site).toBe(
        'foreign_origin',
      );
    }
    expect(await refusal({ origin: null, headers: { 'sec-fetch-site': 'same-origin' } })).toBeNull();
    // What the page may not say of itself is not made up for by this.
    expect(
      await refusal({ origin: 'https://evil.example', headers: { 'sec-fetch-site': 'same-origin' } }),
    ).toBe('foreign_origin');
  });

  it('is taken from our own pages, and from those in CORS_ORIGINS and at PUBLIC_URL', async () => {
    for (const origin of [base, friend, publicUrl]) expect(await refusal({ origin }), origin).toBeNull();
  });

  it('is refused with every method, and changes nothing', async () => {
    const before = (await browser.send('GET', '/api/me')).body;
    for (const [method, path] of [
      ['POST', '/api/conversations'],
      ['PATCH', '/api/me'],
      ['PUT', '/api/me/password'],
      ['DELETE', '/api/me/sessions/01890000-0000-7000-8000-000000000000'],
      ['POST', '/api/auth/logout'],
    ] as const) {
      const { status, body } = await browser.send(method, path, {}, { origin: 'https://evil.example' });
      expect([status, body['code']], `${method} ${path}`).toEqual([403, 'foreign_origin']);
    }
    expect((await browser.send('GET', '/api/me')).body).toEqual(before);
  });

  it('is measured by the host that a trusted proxy names, and by no other', async () => {
    const headers = { 'x-forwarded-host': 'front.example', 'x-forwarded-for': '192.0.2.1' };
    const origin = 'https://front.example';
    expect(await refusal({ origin, headers })).toBe('foreign_origin');
    const behind = openBrowserAt(proxied.url);
    behind.session = browser.session;
    expect(await refusal({ origin, headers }, behind)).toBeNull();
  });
});

describe('what is no danger', () => {
  it('is reading: other pages cannot see the answer', async () => {
    const { status, headers } = await browser.send('GET', '/api/me', undefined, {
      origin: 'https://evil.example',
    });
    expect([status, headers.get('access-control-allow-origin')]).toEqual([200, null]);
  });

  it('is a bearer token: no page sends one by accident', async () => {
    const { token } = (await accountsAt(base).guest()).body;
    const headers = { ...bearer(token), origin: 'https://evil.example' };
    expect((await call(base, 'PATCH', '/api/me', { name: 'Changed' }, headers)).status).toBe(200);
  });
});

describe("a page of another site cannot log somebody in as the site's own user", () => {
  it.each(['register', 'login', 'guest'])('by %s', async (way) => {
    const email = newEmail();
    if (way === 'login') await accountsAt(base).register({ email });
    const fresh = openBrowserAt(base);
    const body = way === 'guest' ? {} : { email, password };
    for (const origin of ['https://evil.example', 'null', null]) {
      const reply = await fresh.send('POST', `/api/auth/${way}`, body, { origin });
      expect([reply.status, reply.body['code'], fresh.session]).toEqual([403, 'foreign_origin', undefined]);
    }
    const asToken = { ...body, session: 'token' };
    const token = await fresh.send<Opened>('POST', `/api/auth/${way}`, asToken, { origin: null });
    expect([token.body.token.slice(0, 4), fresh.session]).toEqual(['hfs_', undefined]);
  });
});
