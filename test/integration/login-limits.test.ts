/** How often somebody may guess a password, or make users, over all API processes together. */
import { createAttempts } from '@holdfast/shared/attempts/attempts.ts';
import { connectRedis, whenReady } from '@holdfast/shared/redis.ts';
import { afterAll, afterEach, beforeAll, expect, inject, it } from 'vitest';
import { accountsAt, bearer, newEmail, password } from '../support/accounts.ts';
import { call } from '../support/ask.ts';
import { twoUrls } from '../support/inspect.ts';
import { nobody } from '../support/people.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let bases: readonly [string, string];
beforeAll(async () => {
  stack = await startStack({
    apis: 2,
    workers: 0,
    env: {
      LOGIN_ATTEMPTS: '3',
      LOGIN_ATTEMPTS_PER_ADDRESS: '8',
      LOGIN_ATTEMPTS_PER_ACCOUNT: '6',
      REGISTRATIONS_PER_ADDRESS: '4',
      GUESTS_PER_ADDRESS: '5',
      TRUST_PROXY_HOPS: '1',
    },
  });
  bases = twoUrls(stack);
});
afterAll(() => stack.stop());

/** As after the window. */
const counters = () => stack.redis.keys(`{${stack.redisPrefix}:attempts}*`);
afterEach(async () => {
  const keys = await counters();
  if (keys.length > 0) await stack.redis.del(...keys);
});

const from = (address: string) => ({ ...nobody, 'x-forwarded-for': address });
const home = from('192.0.2.1');
let turn = 0;
/** The other process each time. */
const api = () => accountsAt(bases[turn++ % 2] ?? '');
const statusOf = async (reply: Promise<{ status: number }>) => (await reply).status;
async function newAccount(): Promise<string> {
  const email = newEmail();
  expect((await api().register({ email }, from(`198.51.100.${turn % 250}`))).status).toBe(201);
  return email;
}

it('after so many wrong passwords from one address, the right one is not tried either', async () => {
  const email = await newAccount();
  for (let tries = 0; tries < 3; tries++) {
    expect(await statusOf(api().logIn(email, 'a wrong one', home))).toBe(401);
  }
  const refused = await api().logIn(email.toUpperCase(), password, home);
  expect([refused.status, refused.body.code]).toEqual([429, 'rate_limited']);
  const retryAfter = Number(refused.headers.get('retry-after'));
  expect(retryAfter).toBeGreaterThan(880);
  expect(retryAfter).toBeLessThanOrEqual(900);
  // Its owner sits elsewhere, and others at the same address have other accounts.
  expect(await statusOf(api().logIn(email, password, from('192.0.2.2')))).toBe(200);
  expect(await statusOf(api().logIn(await newAccount(), password, home))).toBe(200);

  for (const key of await counters()) await stack.redis.pexpire(key, 1);
  await expect.poll(counters).toEqual([]);
  expect(await statusOf(api().logIn(email, password, home))).toBe(200);
});

it('tells in no way whether the account exists', async () => {
  const known = await newAccount();
  const unknown = newEmail();
  const said: unknown[][] = [];
  for (const email of [known, unknown]) {
    const replies: unknown[] = [];
    for (let tries = 0; tries < 5; tries++) {
      const { status, body, headers } = await api().logIn(email, 'a wrong one', home);
      const { requestId: _, ...problem } = body as unknown as Record<string, unknown>;
      replies.push([status, problem, headers.has('retry-after'), [...headers.keys()].sort()]);
    }
    said.push(replies);
    await stack.redis.del(...(await counters()));
  }
  expect(said[0]).toEqual(said[1]);
  expect(said[0]?.map((reply) => (reply as unknown[])[0])).toEqual([401, 401, 401, 429, 429]);
});

it('parallel guesses do not slip through together', async () => {
  const email = await newAccount();
  const replies = await Promise.all(
    Array.from({ length: 12 }, () => statusOf(api().logIn(email, 'a wrong one', home))),
  );
  expect(replies.filter((status) => status === 401)).toHaveLength(3);
  expect(replies.filter((status) => status === 429)).toHaveLength(9);
});

it('the right password costs no attempt', async () => {
  const email = await newAccount();
  for (let tries = 0; tries < 12; tries++)
    expect(await statusOf(api().logIn(email, password, home))).toBe(200);
});

it('one address cannot go on with other accounts, nor with other addresses of its IPv6 network', async () => {
  for (let tries = 0; tries < 8; tries++) {
    const address = from(`2001:db8:1:2:${tries}::${tries}`);
    expect(await statusOf(api().logIn(newEmail(), 'a wrong one', address))).toBe(401);
  }
  expect(await statusOf(api().logIn(newEmail(), 'a wrong one', from('2001:db8:1:2:ffff::1')))).toBe(429);
  expect(await statusOf(api().logIn(newEmail(), 'a wrong one', from('2001:db8:1:3::1')))).toBe(401);
});

it('one account cannot be guessed from ever more addresses', async () => {
  const email = await newAccount();
  for (let tries = 0; tries < 6; tries++) {
    expect(await statusOf(api().logIn(email, 'a wrong one', from(`203.0.113.${tries}`)))).toBe(401);
  }
  expect(await statusOf(api().logIn(email, password, from('203.0.113.99')))).toBe(429);
});

it('an attempt that was refused takes nothing from the other limits', async () => {
  const email = await newAccount();
  for (let tries = 0; tries < 20; tries++) await api().logIn(email, 'a wrong one', home);
  // Three of eight are used up at this address, and three of six of this account.
  expect(await statusOf(api().logIn(newEmail(), 'a wrong one', home))).toBe(401);
  expect(await statusOf(api().logIn(email, password, from('192.0.2.3')))).toBe(200);
});

it('the current password is guessed no more often than at the log-in', async () => {
  const email = newEmail();
  const { token } = (await api().register({ email }, home)).body;
  const change = (current: string) =>
    call(
      bases[0],
      'PUT',
      '/api/me/password',
      { current, password: 'another one' },
      { ...home, ...bearer(token) },
    );
  for (let tries = 0; tries < 3; tries++) expect(await statusOf(change('a wrong one'))).toBe(401);
  expect(await statusOf(change(password))).toBe(429);
  expect(await statusOf(api().logIn(email, password, home))).toBe(429);
});

it('one address makes only so many accounts, and only so many guests', async () => {
  const taken = newEmail();
  const registered: number[] = [];
  for (let tries = 0; tries < 6; tries++)
    registered.push(await statusOf(api().register({ email: taken }, home)));
  // Those that find an address taken count as well: they are how somebody would look for accounts.
  expect(registered).toEqual([201, 409, 409, 409, 429, 429]);
  const guests: number[] = [];
  for (let tries = 0; tries < 7; tries++) guests.push(await statusOf(api().guest(home)));
  expect(guests).toEqual([201, 201, 201, 201, 201, 429, 429]);
  expect(await statusOf(api().guest(from('192.0.2.4')))).toBe(201);
});

it('what cannot be counted, because Redis is away, is "not now"', async () => {
  const redis = connectRedis({ url: inject('redisUrl'), role: 'commands', name: 'test', onError: () => {} });
  await whenReady(redis);
  const attempts = createAttempts(redis, stack.redisPrefix);
  const windows = [{ kind: 'login', of: 'somebody', attemptsMax: 1, windowMs: 60_000 }];
  await attempts.take(windows);
  await expect(attempts.take(windows)).rejects.toMatchObject({ code: 'rate_limited' });
  redis.disconnect();
  await expect(attempts.take(windows)).rejects.toMatchObject({
    code: 'queue_unavailable',
    retryAfterSeconds: 2,
  });
  await attempts.giveBack(windows);
});

it('Redis is told neither the addresses nor the accounts', async () => {
  await api().logIn('somebody@example.com', 'a wrong one', home);
  const keys = await counters();
  expect(keys).toHaveLength(3);
  for (const key of keys) {
    expect(key).not.toMatch(/somebody|192\.0/);
    expect(await stack.redis.pttl(key)).toBeGreaterThan(0);
  }
});
