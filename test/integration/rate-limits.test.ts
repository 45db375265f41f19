/** Requests are limited per user and per address, over all API processes, and repeats are answered all the same. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AcceptedMessage, Conversation } from '@holdfast/shared/http/schemas.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startRedis } from '../../scripts/services/redis.ts';
import { call, question, type Reply } from '../support/ask.ts';
import { firstUrl, twoUrls } from '../support/inspect.ts';
import { as, makePerson, type Person } from '../support/people.ts';
import { type ApiProcess, type Stack, startStack } from '../support/stack.ts';

const perUser = 20;
const perAddress = 15;

let stack: Stack;
let bases: readonly [string, string];
/** Behind a proxy, so that tests can come from any address. */
let proxied: ApiProcess;
beforeAll(async () => {
  stack = await startStack({
    apis: 2,
    workers: 0,
    env: { REQUESTS_PER_USER_PER_MINUTE: String(perUser), CORS_ORIGINS: 'https://pages.example.com' },
  });
  bases = twoUrls(stack);
  proxied = await stack.startApi({
    REQUESTS_PER_USER_PER_MINUTE: '1000000',
    REQUESTS_PER_ADDRESS_PER_MINUTE: String(perAddress),
    TRUST_PROXY_HOPS: '1',
  });
});
afterAll(() => stack.stop());

type Answered = Reply<{ code?: string }>;
const me = (person: Person, n: number): Promise<Answered> => as(person, bases[n % 2] ?? '', 'GET', '/api/me');
const from = (address: string, authorization: string): Promise<Answered> =>
  call(proxied.url, 'GET', '/api/me', undefined, { authorization, 'x-forwarded-for': address });

/** The items of a list of structured fields (RFC 9651), by their names. */
function limitsIn(reply: Reply, header: string): Record<string, Record<string, number>> {
  const items = (reply.headers.get(header) ?? '').split(', ').map((item) => {
    const [name = '', ...parameters] = item.split(';');
    expect(name).toMatch(/^"[a-z]+"$/);
    const values = parameters.map((parameter) => parameter.split('=') as [string, string]);
    return [
      JSON.parse(name) as string,
      Object.fromEntries(values.map(([key, value]) => [key, Number(value)])),
    ];
  });
  return Object.fromEntries(items) as Record<string, Record<string, number>>;
}

function expectRefused({ status, body, headers }: Answered): void {
  expect([status, body.code]).toEqual([429, 'rate_limited']);
  const retryAfter = Number(headers.get('retry-after'));
  expect(retryAfter).toBeGreaterThanOrEqual(1);
  expect(retryAfter).toBeLessThanOrEqual(60);
}

it('two processes count a user together, each answer tells what is left, and the one too many is refused on both', async () => {
  const person = await makePerson(stack, 'Counted');
  for (let n = 0; n < perUser; n += 1) {
    const reply = await me(person, n);
    expect(reply.status).toBe(200);
    expect(limitsIn(reply, 'ratelimit-policy')['user']).toEqual({ q: perUser, w: 60 });
    const { r, t } = limitsIn(reply, 'ratelimit')['user'] ?? {};
    expect(r).toBe(perUser - n - 1);
    expect(t).toBeGreaterThan(0);
    expect(t).toBeLessThanOrEqual(60);
  }
  for (const n of [0, 1]) {
    const refused = await me(person, n);
    expectRefused(refused);
    expect(limitsIn(refused, 'ratelimit')['user']?.['r']).toBe(0);
  }
  expect((await me(await makePerson(stack, 'Another'), 0)).status).toBe(200);
});

it('of requests at the same time over both processes exactly as many pass as may', async () => {
  const person = await makePerson(stack, 'Hurried');
  const replies = await Promise.all(Array.from({ length: 3 * perUser }, (_, n) => me(person, n)));
  expect(replies.filter(({ status }) => status === 200)).toHaveLength(perUser);
  for (const reply of replies.filter(({ status }) => status !== 200)) expectRefused(reply);
});

it('what is refused for other reasons counts, too', async () => {
  const person = await makePerson(stack, 'Guesses');
  const unknown = '/api/runs/0198ffff-ffff-7fff-bfff-ffffffffffff';
  for (let n = 0; n < perUser; n += 1) expect((await as(person, bases[0], 'GET', unknown)).status).toBe(404);
  expectRefused(await as(person, bases[1], 'GET', unknown));
});

it("a user's own limit takes the place of the setting", async () => {
  const person = await makePerson(stack, 'Limited');
  await stack.db.query(`update users set limits = '{"requestsPerMinute": 2}' where id = $1`, [person.id]);
  const replies = [await me(person, 0), await me(person, 1), await me(person, 0)];
  expect(replies.map(({ status }) => status)).toEqual([200, 200, 429]);
  expect(limitsIn(replies[0] as Reply, 'ratelimit-policy')['user']?.['q']).toBe(2);
});

it('over the limit, the repeat of a known key gets its answer, another body 422, and a new key is refused and stores nothing', async () => {
  const person = await makePerson(stack, 'Repeats');
  const post = <T>(n: number, path: string, body: object, key: string) =>
    call<T & { code: string }>(bases[n % 2] ?? '', 'POST', path, body, {
      ...person.headers,
      'idempotency-key': key,
    });
  const made = await post<Conversation>(0, '/api/conversations', { title: 'first' }, 'made-before');
  const path = `/api/conversations/${made.body.id}/messages`;
  const asked = await post<AcceptedMessage>(1, path, { text: question({ deltas: 1 }) }, 'asked-before');
  expect([made.status, asked.status]).toEqual([201, 202]);
  while ((await me(person, 0)).status !== 429);

  const again = await post<Conversation>(1, '/api/conversations', { title: 'first' }, 'made-before');
  expect([again.status, again.body]).toEqual([201, made.body]);
  const askedAgain = await post<AcceptedMessage>(0, path, { text: question({ deltas: 1 }) }, 'asked-before');
  expect([askedAgain.status, askedAgain.body]).toEqual([202, asked.body]);
  const other = await post(0, '/api/conversations', { title: 'other' }, 'made-before');
  expect([other.status, other.body.code]).toEqual([422, 'idempotency_key_reused']);
  expectRefused(await post(0, '/api/conversations', { title: 'new' }, 'never-seen'));
  expectRefused(await as(person, bases[0], 'POST', '/api/conversations', { title: 'no key' }));
  const { rows } = await stack.db.query('select 1 from members where user_id = $1', [person.id]);
  expect(rows).toHaveLength(1);
});

it('an address is counted before anybody asks who sends, and apart from other addresses', async () => {
  const wrong = `Bearer hfk_${'x'.repeat(43)}`;
  for (let n = 0; n < perAddress; n += 1) {
    const reply = await from('192.0.2.1', wrong);
    expect(reply.status).toBe(401);
    expect(limitsIn(reply, 'ratelimit')['address']?.['r']).toBe(perAddress - n - 1);
  }
  expectRefused(await from('192.0.2.1', wrong));
  const person = await makePerson(stack, 'Same address');
  expectRefused(await from('192.0.2.1', person.headers.authorization));
  const elsewhere = await from('192.0.2.2', person.headers.authorization);
  expect(elsewhere.status).toBe(200);
  expect(Object.keys(limitsIn(elsewhere, 'ratelimit'))).toEqual(['user', 'address']);
});

it('an IPv6 network counts as one address', async () => {
  const replies = await Promise.all(
    Array.from({ length: perAddress + 1 }, (_, n) => from(`2001:db8:0:7::${n + 1}`, '')),
  );
  expect(replies.filter(({ status }) => status === 429)).toHaveLength(1);
  expect((await from('2001:db8:0:8::1', '')).status).toBe(401);
});

it('health, documentation and pages are not limited', async () => {
  for (const path of ['/healthz', '/readyz', '/docs/json', '/']) {
    const replies = await Promise.all(
      Array.from({ length: perAddress + 5 }, () =>
        fetch(`${proxied.url}${path}`, { headers: { 'x-forwarded-for': '192.0.2.3' } }),
      ),
    );
    expect(replies.filter(({ status }) => status === 429)).toEqual([]);
    expect(replies[0]?.headers.get('ratelimit')).toBeNull();
    await Promise.all(replies.map((reply) => reply.arrayBuffer()));
  }
});

it('pages of other origins may read what is left', async () => {
  const reply = await call(bases[0], 'GET', '/api/me', undefined, { origin: 'https://pages.example.com' });
  const exposed = reply.headers.get('access-control-expose-headers')?.toLowerCase().split(/, */);
  expect(exposed).toEqual(expect.arrayContaining(['ratelimit', 'ratelimit-policy', 'retry-after']));
});

it('while Redis is away requests pass', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-rate-limits-'));
  const redis = await startRedis({ dataDir: join(dir, 'redis'), log: join(dir, 'redis.log') });
  const own = await startStack({
    workers: 0,
    redisUrl: redis.url,
    env: { REQUESTS_PER_USER_PER_MINUTE: '3' },
  });
  try {
    const person = await makePerson(own, 'Lucky');
    const ask = () => as(person, firstUrl(own), 'GET', '/api/me');
    while ((await ask()).status !== 429);
    await redis.stop();
    for (let n = 0; n < 10; n += 1) expect((await ask()).status).toBe(200);
  } finally {
    await own.stop();
    await redis.stop();
    rmSync(dir, { recursive: true, force: true });
  }
});
