/** Each attack that is one request, sent to a running API; then those that take a few more, and what they leave behind. */
import { runKeys } from '@holdfast/shared/run-log/keys.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accountsAt, bearer } from '../support/accounts.ts';
import { ask, call, createConversation, follow, question } from '../support/ask.ts';
import { firstUrl } from '../support/inspect.ts';
import { as, makePerson } from '../support/people.ts';
import { exchange, requestBytes, sendRaw } from '../support/raw-http.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';
import { dumpOfPostgres, dumpOfRedis } from './dumps.ts';
import { expectUnharmed, faultOf, logsOf } from './innocent.ts';
import { sent, type Victims } from './sent.ts';

let stack: Stack;
let victims: Victims;

beforeAll(async () => {
  stack = await startStack({ env: { CORS_ORIGINS: 'https://app.example.com' } });
  const base = firstUrl(stack);
  const { message, run } = await ask(base, question({ deltas: 2 }));
  await follow([base], run);
  const other = await makePerson(stack, 'Somebody else');
  const theirs = (await as<{ id: string }>(other, base, 'POST', '/api/conversations', {})).body;
  const asked = await as<{ message: { id: string } }>(
    other,
    base,
    'POST',
    `/api/conversations/${theirs.id}/messages`,
    { text: 'foreign text' },
  );
  victims = {
    base,
    conversationId: message.conversationId,
    messageId: message.id,
    runId: run.id,
    foreignConversationId: theirs.id,
    foreignMessageId: asked.body.message.id,
  };
});
afterAll(() => stack.stop());

describe.each(Object.entries(sent))('row %s', (_row, attacks) => {
  it('is answered as it should be', async () => {
    const wrong: string[] = [];
    for (const { what, request, answers, also } of attacks) {
      const made = request(victims);
      const reply = await sendRaw(victims.base, made, { until: 'retry:' });
      const fault = reply ? (faultOf(reply) ?? also?.(reply) ?? null) : 'no answer';
      const right = reply !== null && answers.includes(reply.status);
      if (!right || fault !== null)
        wrong.push(`${what}: ${reply?.status} ${fault ?? ''} ${reply?.body.slice(0, 200)}`);
    }
    expect(wrong).toEqual([]);
  });
});

it('ids are version 7 UUIDs whose random part is never twice the same, and no counter', async () => {
  const made = await Promise.all(Array.from({ length: 60 }, () => createConversation(victims.base)));
  const tails = made.map(({ id }) => id.slice(19));
  for (const { id } of made)
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(new Set(tails).size).toBe(tails.length);
  const first = new Set(tails.map((tail) => tail.slice(5, 9)));
  expect(first.size).toBeGreaterThan(50);
});

it('what is smuggled behind a request is never answered as a second one', async () => {
  const hidden = 'GET /api/me HTTP/1.1\r\nHost: x\r\n\r\n';
  const post = (headers: string, body: string) =>
    `POST /api/conversations HTTP/1.1\r\nHost: x\r\nAuthorization: ${testUser.headers.authorization}\r\nContent-Type: application/json\r\n${headers}\r\n\r\n${body}`;
  const attacks = [
    post('Content-Length: 5\r\nTransfer-Encoding: chunked', `0\r\n\r\n${hidden}`),
    post('Transfer-Encoding: chunked\r\nContent-Length: 5', `0\r\n\r\n${hidden}`),
    post('Content-Length: 0\r\nContent-Length: 44', hidden),
    post('Transfer-Encoding: xchunked', `0\r\n\r\n${hidden}`),
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity', `0\r\n\r\n${hidden}`),
    post('Transfer-Encoding:\x0bchunked', `0\r\n\r\n${hidden}`),
    post('Content-Length : 0', hidden),
    post('Transfer-Encoding: chunked', `2\r\n{}\r\n0x0\r\n\r\n${hidden}`),
    post('Transfer-Encoding: chunked', `FFFFFFFFFFFFFFFFF\r\n${hidden}`),
    post('X: 1\n\nGET /api/me HTTP/1.1\r\nContent-Length: 2', '{}'),
  ];
  for (const bytes of attacks) {
    const reply = await exchange(victims.base, bytes, { half: true, until: 'never in it' });
    expect([reply?.status, bytes]).toEqual([400, bytes]);
    expect(`${reply?.body}`).not.toMatch(/HTTP\/1\.1 \d/);
    expect(reply?.headers['connection']).toBe('close');
  }
});

it('a delete that is repeated finds nothing, and so does everything else about it', async () => {
  const { id } = await createConversation(victims.base);
  const path = `/api/conversations/${id}`;
  expect((await call(victims.base, 'DELETE', path)).status).toBe(204);
  for (const method of ['DELETE', 'GET']) expect((await call(victims.base, method, path)).status).toBe(404);
});

it('rows and log entries that somebody has spoilt by hand end no process, and only spoil themselves', async () => {
  const { base } = victims;
  const { run } = await ask(base, question({ deltas: 3 }));
  await follow([base], run);
  const keys = runKeys(stack.redisPrefix, run.id);
  const spoilt: (() => Promise<unknown>)[] = [
    () => stack.redis.xadd(keys.log, '999-1', 'type', 'unheard-of', 'data', 'no json\r\nid: 1-1\n\n'),
    () => stack.redis.xadd(keys.log, '999-2', 'nothing', 'as', 'it', 'should be'),
    () => stack.redis.hset(keys.meta, 'attempt', 'x', 'seq', '-1', 'closed', 'maybe'),
    () => stack.redis.multi().del(keys.log).set(keys.log, 'no stream').exec(),
    () =>
      stack.db.query(`update conversations set parameters = '{"temperature":"warm"}' where id = $1`, [
        run.conversationId,
      ]),
  ];
  for (const spoil of spoilt) {
    await spoil();
    for (const path of [
      run.eventsUrl,
      `/api/runs/${run.id}`,
      `/api/conversations/${run.conversationId}/messages`,
    ]) {
      const abort = AbortSignal.timeout(1_000);
      await fetch(`${base}${path}`, { headers: { ...testUser.headers, connection: 'close' }, signal: abort })
        .then((response) => response.text())
        .catch(() => 'an event stream that waits');
    }
  }
  const { run: next } = await ask(base, question({ deltas: 3 }));
  expect((await follow([base], next)).terminal?.type).toBe('completed');
});

it('whatever stands in a request, a log record is one line of JSON of bounded length', async () => {
  const { base } = victims;
  const forged = '{"level":30,"msg":"forged-record"}';
  const hostile = `\r\n${forged}\n\u001b[2J\u0000\u2028\${jndi:ldap://127.0.0.1/x}`;
  const latin = hostile.replace(/[^\x20-\x7e]/g, '');
  await call(base, 'POST', '/api/conversations', { title: hostile, model: hostile });
  await call(base, 'POST', '/api/auth/login', { email: hostile, password: hostile });
  for (const headers of [
    [['User-Agent', latin]],
    [['X-Request-Id', latin]],
    [['Idempotency-Key', latin]],
    [['X-Forwarded-For', latin]],
    [['Last-Event-ID', latin]],
  ] as const) {
    await sendRaw(base, { path: '/api/me', headers });
  }
  await exchange(base, requestBytes(base, { path: `/api/%0a${encodeURIComponent(forged)}` }));
  await exchange(base, `GET /${forged.replaceAll(' ', '')}\r\n${forged}\r\n\r\n`, { half: true });
  const { run } = await ask(
    base,
    question({ status: 401, code: hostile.slice(0, 60), times: 9 }, hostile.replaceAll('\u0000', '')),
  );
  await follow([base], run);
  const lines = logsOf(stack)
    .split('\n')
    .filter((line) => line !== '');
  expect(lines.length).toBeGreaterThan(20);
  for (const line of lines) {
    expect(line.length).toBeLessThan(32 * 1024);
    expect(JSON.parse(line)).toMatchObject({ level: expect.any(Number), time: expect.any(Number) });
    expect((JSON.parse(line) as { msg?: string }).msg).not.toBe('forged-record');
    expect(line).not.toMatch(/\p{Cc}/u);
  }
});

it('what is planted as a secret stands nowhere but where it is sealed', async () => {
  const { base } = victims;
  const { register } = accountsAt(base);
  const password = 'canary-of-a-password-5d1f';
  const { token } = (await register({ email: 'planted@example.com', password })).body;
  const mine = bearer(token);
  const made = await call<{ token: string }>(
    base,
    'POST',
    '/api/me/api-keys',
    { name: 'planted' },
    { ...mine, 'idempotency-key': 'planted-idempotency-key' },
  );
  const conversation = await call<{ id: string }>(base, 'POST', '/api/conversations', {}, mine);
  const asked = await call<{ run: { id: string; eventsUrl: string } }>(
    base,
    'POST',
    `/api/conversations/${conversation.body.id}/messages`,
    { text: question({ status: 401, times: 9 }) },
    mine,
  );
  const ticket = await call<{ ticket: string }>(
    base,
    'POST',
    `/api/runs/${asked.body.run.id}/tickets`,
    undefined,
    mine,
  );
  await fetch(`${base}${asked.body.run.eventsUrl}?ticket=${ticket.body.ticket}`).then((response) =>
    response.text(),
  );
  const canaries = {
    'the provider’s key': 'sk-test-canary-key',
    'a session': token,
    'an API key': made.body.token,
    'a password': password,
    'a ticket': ticket.body.ticket,
    'an idempotency key': 'planted-idempotency-key',
  };
  const replies: string[] = [];
  for (const path of [
    '/api/me',
    '/api/me/sessions',
    '/api/me/api-keys',
    '/api/conversations',
    `/api/runs/${asked.body.run.id}`,
    asked.body.run.eventsUrl,
    `/api/conversations/${conversation.body.id}/messages`,
    `/api/conversations/${conversation.body.id}/export`,
    '/',
    '/docs/json',
    '/readyz',
  ]) {
    const response = await fetch(`${base}${path}`, { headers: mine });
    replies.push(`${JSON.stringify([...response.headers])} ${await response.text()}`);
  }
  const places = {
    logs: logsOf(stack),
    redis: await dumpOfRedis(stack),
    postgres: await dumpOfPostgres(stack),
    replies: replies.join('\n'),
  };
  const found: string[] = [];
  for (const [place, text] of Object.entries(places)) {
    expect(text.length, place).toBeGreaterThan(1_000);
    for (const [name, canary] of Object.entries(canaries))
      if (text.includes(canary)) found.push(`${name} in ${place}`);
  }
  expect(found).toEqual([]);
});

it('after all of this the process is the same, and its log is clean', () => expectUnharmed(stack));
