import { createHmac } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createOidc, looksLikeJwt, type Oidc } from '../../apps/api/src/plugins/oidc.ts';
import {
  audience,
  forgedToken,
  type IdentityProvider,
  startIdentityProvider,
} from '../support/identity-provider.ts';

let provider: IdentityProvider;
let oidc: Oidc;
/** Milliseconds; jose reads the system's clock, `createOidc` its own. */
let time: number;
const pass = (ms: number) => {
  time += ms;
  vi.setSystemTime(time);
};
const minuteMs = 60_000;

beforeAll(async () => {
  provider = await startIdentityProvider();
});
afterAll(() => provider.stop());
beforeEach(() => {
  time = Date.now();
  vi.useFakeTimers({ toFake: ['Date'], now: time });
  provider.fault = null;
  oidc = createOidc({ issuer: provider.issuer, audience, jwksUrl: provider.jwksUrl }, () => time);
});
afterEach(() => vi.useRealTimers());

const day = { expiresIn: 3 * 86_400 };
const codeOf = (token: string) =>
  oidc.verify(token).then(
    () => 'taken',
    (error: { code?: string }) => error.code,
  );

describe('a token of the identity provider', () => {
  it('names its user', async () => {
    const token = await provider.sign('subject-1', {
      claims: { name: 'Ada' },
      audience: ['other', audience],
    });
    expect(looksLikeJwt(token)).toBe(true);
    expect(await oidc.verify(token)).toEqual({ issuer: provider.issuer, subject: 'subject-1', name: 'Ada' });
  });

  it.each([
    [{ name: ' Ada ', preferred_username: 'ada', email: 'a@example.com' }, 'Ada'],
    [{ name: ' ', preferred_username: 'ada', email: 'a@example.com' }, 'ada'],
    [{ name: 7, email: 'a@example.com' }, 'a@example.com'],
    [{ name: 'A\u0000da' }, 'Ada'],
    [{ name: 'x'.repeat(500) }, 'x'.repeat(100)],
    [{}, 'User'],
  ])('with %j makes a user called %s', async (claims, name) => {
    expect((await oidc.verify(await provider.sign('s', { claims }))).name).toBe(name);
  });

  it('is refused when it is not for us, not theirs, or too old', async () => {
    const sign = provider.sign;
    expect(await codeOf(await sign('s', { issuer: 'https://other.example' }))).toBe('unauthenticated');
    expect(await codeOf(await sign('s', { issuer: `${provider.issuer}/` }))).toBe('unauthenticated');
    expect(await codeOf(await sign('s', { audience: 'another' }))).toBe('unauthenticated');
    expect(await codeOf(await sign('s', { expiresIn: -31 }))).toBe('unauthenticated');
    expect(await codeOf(await sign('s', { expiresIn: -20 }))).toBe('taken');
    expect(await codeOf(await sign('s', { claims: { nbf: Math.floor(time / 1_000) + 60 } }))).toBe(
      'unauthenticated',
    );
  });

  it('is refused without a subject that is one, or without an end', async () => {
    for (const subject of ['', 'x'.repeat(256), 'nul\u0000', 'sübject']) {
      expect(await codeOf(await provider.sign(subject)), subject).toBe('unauthenticated');
    }
    expect(await codeOf(await provider.sign('x'.repeat(255)))).toBe('taken');
  });

  it('is refused when nobody, or everybody, could have signed it', async () => {
    const claims = { sub: 's', iss: provider.issuer, aud: audience, exp: Math.floor(time / 1_000) + 3_600 };
    for (const alg of ['none', 'None', 'NONE']) {
      const token = forgedToken({ alg }, claims);
      expect(looksLikeJwt(token)).toBe(true);
      expect(await codeOf(token), alg).toBe('unauthenticated');
    }
    // The public key as the secret of an HMAC.
    const { keys } = (await (await fetch(provider.jwksUrl)).json()) as { keys: { kid: string; x: string }[] };
    const [key] = keys;
    const unsigned = forgedToken({ alg: 'HS256', kid: key?.kid }, claims).slice(0, -1);
    for (const secret of [JSON.stringify(key), String(key?.x)]) {
      const mac = createHmac('sha256', secret).update(unsigned).digest('base64url');
      expect(await codeOf(`${unsigned}.${mac}`)).toBe('unauthenticated');
    }
    const symmetric = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256' })
      .sign(new TextEncoder().encode('secret'));
    expect(await codeOf(symmetric)).toBe('unauthenticated');
  });

  it('is refused when a single bit of it was changed', async () => {
    const token = await provider.sign('s');
    const [header, claims, signature = ''] = token.split('.');
    const bytes = Buffer.from(signature, 'base64url');
    bytes.writeUInt8(bytes.readUInt8(5) ^ 1, 5);
    expect(await codeOf(`${header}.${claims}.${bytes.toString('base64url')}`)).toBe('unauthenticated');
    for (const broken of ['a.b.c', 'e30.e30.', `${header}.${claims}.`, `${header}.e30.${signature}`]) {
      expect(await codeOf(broken), broken).toBe('unauthenticated');
    }
  });
});

describe('the keys', () => {
  it('are read once for many tokens, and again when they are ten minutes old', async () => {
    const before = provider.fetches;
    const token = await provider.sign('s', day);
    await Promise.all(Array.from({ length: 20 }, () => oidc.verify(token)));
    expect(provider.fetches).toBe(before + 1);
    pass(11 * minuteMs);
    await oidc.verify(token);
    expect(provider.fetches).toBe(before + 2);
  });

  it('are read again for one that is not known, but not for each such token', async () => {
    await oidc.verify(await provider.sign('s'));
    await provider.rotate();
    pass(minuteMs);
    expect(await codeOf(await provider.sign('s', day))).toBe('taken');

    const before = provider.fetches;
    await provider.rotate(false);
    const unknown = await provider.sign('s', day);
    for (let tries = 0; tries < 20; tries++) expect(await codeOf(unknown)).toBe('unauthenticated');
    pass(minuteMs);
    for (let tries = 0; tries < 20; tries++) expect(await codeOf(unknown)).toBe('unauthenticated');
    expect(provider.fetches).toBe(before + 1);
    await provider.rotate();
  });

  it('that are known go on holding for a day when they cannot be read again; unknown ones are "not now"', async () => {
    const token = await provider.sign('s', day);
    await oidc.verify(token);
    await provider.stop();
    try {
      pass(11 * minuteMs);
      expect(await codeOf(token)).toBe('taken');
      pass(20 * 60 * minuteMs);
      expect(await codeOf(token)).toBe('taken');
      await provider.rotate();
      expect(await codeOf(await provider.sign('s'))).toBe('identity_provider_unavailable');
      // A token that is wrong with every key is wrong now, too.
      expect(await codeOf(forgedToken({ alg: 'none' }, {}))).toBe('unauthenticated');
      pass(5 * 60 * minuteMs);
      expect(await codeOf(token)).toBe('identity_provider_unavailable');
    } finally {
      await provider.start();
    }
    pass(minuteMs);
    expect(await codeOf(await provider.sign('s'))).toBe('taken');
    expect(await codeOf(token)).toBe('unauthenticated');
  });

  it('are not asked for at every request while they cannot be read', async () => {
    const token = await provider.sign('s', day);
    provider.fault = { status: 500, body: 'sorry' };
    const before = provider.fetches;
    for (let tries = 0; tries < 20; tries++)
      expect(await codeOf(token)).toBe('identity_provider_unavailable');
    expect(provider.fetches).toBe(before + 1);
    pass(6_000);
    expect(await codeOf(token)).toBe('identity_provider_unavailable');
    expect(provider.fetches).toBe(before + 2);
    provider.fault = null;
    pass(6_000);
    expect(await codeOf(token)).toBe('taken');
  });

  it.each([
    ['an error page', 200, '<html>'],
    ['something else', 200, '{"keys":"none"}'],
    ['a redirect', 302, ''],
    ['nothing', 404, ''],
  ])('that turn out to be %s are "not now"', async (_, status, body) => {
    provider.fault = { status, body };
    expect(await codeOf(await provider.sign('s'))).toBe('identity_provider_unavailable');
  });
});
