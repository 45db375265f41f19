/**
 * Everything that a client can send wrongly. Whatever it is, it is answered by a 4xx problem with a known code, it stores
 * nothing, and the process goes on.
 *
 * This file is longer than 250 lines because it is one table, of every field of every route, tried on one process that
 * has to be alive after all of it.
 */
import { readdirSync } from 'node:fs';
import net from 'node:net';
import { gzipSync } from 'node:zlib';
import { problemSchema } from '@holdfast/shared/http/schemas.ts';
import { problems } from '@holdfast/shared/protocol/error-code.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, call, createConversation, follow, question } from '../support/ask.ts';
import { exchange, type RawReply, type RawRequest, requestBytes, sendRaw } from '../support/raw-http.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';

type Expected = keyof typeof problems;

const json = [['Content-Type', 'application/json']] as const;
const unknownId = '0198ffff-ffff-7fff-bfff-ffffffffffff';

let stack: Stack;
let base: string;
let conversationId: string;
let answerId: string;
let runId: string;
/** Requests that never come to their end. Begun first, because the server has patience for ten seconds. */
let slow: Promise<RawReply | null>[];

beforeAll(async () => {
  stack = await startStack();
  base = stack.apis[0]?.url ?? '';
  const { message, run } = await ask(base, question({ deltas: 3 }));
  await follow([base], run);
  ({ conversationId } = message);
  answerId = run.messageId;
  runId = run.id;
  slow = [
    exchange(base, `GET /api/me HTTP/1.1\r\nHost: x\r\nX-Never-Ends: `),
    exchange(
      base,
      requestBytes(base, {
        method: 'POST',
        path: '/api/conversations',
        headers: [...json, ['Content-Length', '100']],
        body: '{"title":',
      }),
    ),
  ];
});
afterAll(() => stack.stop());

/** An answer that tells the client what it did wrong, and nothing about us. */
function expectProblem(reply: RawReply | null, codes: readonly Expected[], what: string): void {
  expect(reply, what).not.toBeNull();
  if (!reply) return;
  expect(reply.headers['content-type'], `${what}: ${reply.status} ${reply.body.slice(0, 200)}`).toMatch(
    /^application\/problem\+json/,
  );
  const problem = problemSchema.parse(JSON.parse(reply.body));
  expect([what, codes.includes(problem.code), problem.code]).toEqual([what, true, problem.code]);
  expect(reply.status).toBe(problems[problem.code].status);
  expect(problem.status).toBe(reply.status);
  expect(reply.status).toSatisfy((status: number) => status >= 400 && status < 500);
  expect(problem.requestId).not.toBe('');
  // No stack, no path of ours, no SQL; and never an echo that is as long as the attack.
  expect(reply.body).not.toMatch(/\bat .+:\d+:\d+|node_modules|\/apps\/|\bselect\b.+\bfrom\b/i);
  expect(reply.body.length, what).toBeLessThan(16 * 1024);
}

async function expectRefused(request: RawRequest, ...codes: Expected[]): Promise<void> {
  const what = `${request.method ?? 'GET'} ${request.path.slice(0, 80)} ${JSON.stringify(request.headers ?? '').slice(0, 80)} ${String(request.body ?? '').slice(0, 80)}`;
  expectProblem(await sendRaw(base, request), codes, what);
}

const postRoutes = () => [
  '/api/conversations',
  `/api/conversations/${conversationId}/messages`,
  `/api/messages/${answerId}/regenerate`,
];

describe('ids in the path', () => {
  const hostile = [
    unknownId,
    unknownId.toUpperCase(),
    'x',
    '0',
    '-1',
    '9223372036854775808',
    'null',
    '%00',
    '..%2f..%2fetc%2fpasswd',
    '%27%20OR%201=1--',
    '%22',
    '"',
    "'",
    '%F0%9F%98%80',
    '%0d%0aSet-Cookie:%20a=b',
    '{}',
    '*',
    '$1',
    `${unknownId}%00`,
    '%20',
    'x'.repeat(10 * 1024),
    `${'%2e'.repeat(40)}`,
  ];
  it.each([
    ['GET', '/api/conversations/:id', 'conversation_not_found'],
    ['GET', '/api/conversations/:id/messages', 'conversation_not_found'],
    ['POST', '/api/conversations/:id/messages', 'conversation_not_found'],
    ['POST', '/api/messages/:id/regenerate', 'message_not_found'],
    ['GET', '/api/runs/:id', 'run_not_found'],
    ['GET', '/api/runs/:id/events', 'run_not_found'],
    ['POST', '/api/runs/:id/cancel', 'run_not_found'],
  ] as const)(
    '%s %s: what cannot be an id is answered like one that is unknown',
    async (method, path, code) => {
      const body =
        method === 'POST' && path.endsWith('/messages') ? { headers: json, body: '{"text":"Hello"}' } : {};
      const refused = (id: string, ...codes: Expected[]) =>
        expectRefused({ method, path: path.replace(':id', id), ...body }, ...codes);
      for (const id of hostile) await refused(id, code, 'uri_too_long');
      for (const id of ['%', '%zz', '%c0%80', '%ff']) await refused(id, code, 'invalid_request');
      await refused('', code, 'route_not_found');
      await refused('../..', 'route_not_found');
      await refused('x'.repeat(20 * 1024), 'headers_too_large');
    },
  );
});

describe('queries', () => {
  it.each([
    '',
    '0',
    '-1',
    '101',
    '1.5',
    'NaN',
    'Infinity',
    '1e9',
    'ten',
    '9'.repeat(400),
    '%00',
    '1&limit=2',
    '1&unknown=1',
  ])('limit=%s is refused', (limit) =>
    expectRefused({ path: `/api/conversations?limit=${limit}` }, 'invalid_request'),
  );

  const position = (text: string) => Buffer.from(text).toString('base64url');
  it.each([
    ['empty', ''],
    ['nonsense', 'nonsense'],
    ['no id', position('2026-01-01T00:00:00.000000Z')],
    ['no time', position(` ${unknownId}`)],
    ['a month too many', position(`2026-13-01T00:00:00.000000Z ${unknownId}`)],
    ['31 February', position(`2026-02-31T00:00:00.000000Z ${unknownId}`)],
    ['the year 0', position(`0000-01-01T00:00:00.000000Z ${unknownId}`)],
    ['29 hours', position(`2026-01-01T29:00:00.000000Z ${unknownId}`)],
    ['a malformed id', position("2026-01-01T00:00:00.000000Z ' OR 1=1")],
    ['NUL', position(`2026-01-01T00:00:00.000000Z\0 ${unknownId}`)],
    ['no base64', '%F0%9F%98%80'],
    ['long', 'A'.repeat(257)],
    ['two', 'a&cursor=b'],
  ])('a page cursor that we have not made is refused: %s', (_name, cursor) =>
    expectRefused({ path: `/api/conversations?cursor=${cursor}` }, 'invalid_cursor', 'invalid_request'),
  );

  it('two ?cursor= of an event stream are refused', () =>
    expectRefused(
      { path: `/api/runs/${runId}/events?cursor=1-1&cursor=1-2` },
      'invalid_request',
      'invalid_cursor',
    ));
});

describe('bodies that are no JSON object in UTF-8', () => {
  const send = async (
    body: string | Buffer,
    headers: readonly (readonly [string, string])[],
    ...codes: Expected[]
  ): Promise<void> => {
    for (const path of postRoutes()) await expectRefused({ method: 'POST', path, headers, body }, ...codes);
  };

  it.each([
    '{',
    '}',
    '{"text":"a"',
    "{'text':'a'}",
    '{text:1}',
    '{"text":"a",}',
    '{"text":"a"} trailing',
    'undefined',
    'NaN',
    '\0',
    '{"text":"\u0001"}',
    '{"text":"\\x41"}',
    '{"text":"\\ud8"}',
    '<xml/>',
    '{"__proto__":{"admin":true}}',
    '{"text":"a","\\u005f_proto__":{}}',
    '{"constructor":{"prototype":{"admin":true}}}',
    '['.repeat(100_000),
  ])('%j', (body) => send(body, json, 'invalid_json'));

  it.each(['null', '[]', '1', '"text"', 'true', `${'['.repeat(50_000)}${']'.repeat(50_000)}`])('%j', (body) =>
    send(body, json, 'invalid_request'),
  );

  it('deeply nested fields', async () => {
    const deep = `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`;
    await send(`{"parameters":${deep}}`, json, 'invalid_request', 'invalid_json');
    await send(`{"text":${deep}}`, json, 'invalid_request', 'invalid_json');
  });

  it('broken UTF-8, other character sets, compression', async () => {
    await send(
      Buffer.from([...Buffer.from('{"text":"'), 0xff, 0xfe, ...Buffer.from('"}')]),
      json,
      'invalid_json',
    );
    await send(
      Buffer.from([...Buffer.from('{"text":"'), 0xc0, 0x80, ...Buffer.from('"}')]),
      json,
      'invalid_json',
    );
    await send(
      Buffer.from([...Buffer.from('{"text":"'), 0xed, 0xa0, 0x80, ...Buffer.from('"}')]),
      json,
      'invalid_json',
    );
    const utf16 = Buffer.from('{"text":"a"}', 'utf16le');
    for (const charset of ['utf-16', 'UTF-16LE', '"utf-16"', 'latin1', 'iso-8859-1']) {
      await send(utf16, [['Content-Type', `application/json; charset=${charset}`]], 'unsupported_media_type');
    }
    await send(utf16, json, 'invalid_json');
    for (const coding of ['gzip', 'br', 'deflate', 'zstd', 'x']) {
      await send(gzipSync('{"text":"a"}'), [...json, ['Content-Encoding', coding]], 'unsupported_media_type');
    }
  });

  it('other media types, which a form on another site could send without asking', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'text/html',
      'application/octet-stream',
      'application/jsonp',
      'nonsense',
      'application/xml',
      ';',
    ]) {
      await send('{"text":"a"}', [['Content-Type', type]], 'unsupported_media_type');
    }
    await send('{"text":"a"}', [], 'unsupported_media_type');
  });

  it('none at all, where one is needed', async () => {
    for (const path of postRoutes().slice(0, 2)) {
      await expectRefused({ method: 'POST', path }, 'invalid_request', 'invalid_json');
      await expectRefused(
        { method: 'POST', path, headers: json, body: '' },
        'invalid_request',
        'invalid_json',
      );
    }
  });

  it('more than 512 KiB, announced or not', async () => {
    const huge = JSON.stringify({ text: 'x'.repeat(513 * 1024) });
    await send(huge, json, 'body_too_large');
    const chunked = `${huge.length.toString(16)}\r\n${huge}\r\n0\r\n\r\n`;
    await send(chunked, [...json, ['Transfer-Encoding', 'chunked']], 'body_too_large');
    await send('{}', [...json, ['Content-Length', '99999999999']], 'body_too_large');
  });

  it('a body on a route that takes none is refused or ignored', async () => {
    const path = `/api/runs/${runId}/cancel`;
    await expectRefused({ method: 'POST', path, headers: json, body: '{' }, 'invalid_json');
    await expectRefused(
      { method: 'POST', path, headers: [['Content-Type', 'text/plain']], body: 'x' },
      'unsupported_media_type',
    );
    const ignored = await sendRaw(base, { method: 'POST', path, headers: json, body: '{"x":1}' });
    expect(ignored?.status).toBe(200);
  });
});

/** Values that no text field takes. */
const noText = [
  null,
  1,
  true,
  [],
  {},
  '',
  '   ',
  '\n\t',
  'a\u0000b',
  '\u0000',
  '\ud800',
  'a\udfffb',
  '\ude00\ud83d',
];
const badParameters: object[] = [
  { temperature: -0.1 },
  { temperature: 2.1 },
  { temperature: '1' },
  { temperature: null },
  { top_p: -0.1 },
  { top_p: 1.1 },
  { top_p: [] },
  { max_tokens: 0 },
  { max_tokens: -1 },
  { max_tokens: 1.5 },
  { max_tokens: 1_000_001 },
  { max_tokens: 2 ** 53 },
  { max_tokens: '5' },
  { stop: '' },
  { stop: [] },
  { stop: ['a', 'b', 'c', 'd', 'e'] },
  { stop: 'x'.repeat(257) },
  { stop: [''] },
  { stop: ['\u0000'] },
  { stop: '\ud800' },
  { stop: 1 },
  { presence_penalty: -2.1 },
  { presence_penalty: 2.1 },
  { frequency_penalty: -2.1 },
  { frequency_penalty: 2.1 },
  { logit_bias: { a: 1 } },
  { logit_bias: { 1: 101 } },
  { logit_bias: { 1: -101 } },
  { logit_bias: { 1: '1' } },
  { logit_bias: [] },
  { logit_bias: { ['9'.repeat(10_000)]: 1 } },
  { logit_bias: Object.fromEntries(Array.from({ length: 301 }, (_, n) => [n, 1])) },
  { seed: 1.5 },
  { seed: '1' },
  { seed: 2 ** 60 },
  { n: 0 },
  { n: 2 },
  { n: '1' },
  { unknown: 1 },
  { stream: true },
  { messages: [] },
  { tools: [] },
  { user: 'x' },
];

describe('fields', () => {
  const post = async (path: string, body: unknown, ...codes: Expected[]) =>
    expectRefused({ method: 'POST', path, headers: json, body: JSON.stringify(body) }, ...codes);

  it('a title, a system prompt, a text: other types, blank, NUL, half characters, too long', async () => {
    const [create = '', message = ''] = postRoutes();
    for (const value of noText) {
      await post(create, { title: value }, 'invalid_request');
      await post(create, { systemPrompt: value }, 'invalid_request');
      await post(message, { text: value }, 'invalid_request');
    }
    await post(create, { title: 'x'.repeat(201) }, 'invalid_request');
    await post(create, { systemPrompt: 'x'.repeat(32_001) }, 'invalid_request');
    await post(message, { text: 'x'.repeat(100_001) }, 'invalid_request');
    await post(message, {}, 'invalid_request');
  });

  it('a model: other types, empty, too long, one that is not offered', async () => {
    for (const path of postRoutes()) {
      const rest = path.endsWith('/messages') ? { text: 'a' } : {};
      for (const model of [null, 1, [], {}, '', 'x'.repeat(129)])
        await post(path, { ...rest, model }, 'invalid_request');
      for (const model of ['gpt-none', '__proto__', 'constructor', '\u0000', '\ud800', "' OR 1=1"]) {
        await post(path, { ...rest, model }, 'unknown_model', 'invalid_request');
      }
    }
  });

  it('parameters: out of range, of other types, unknown', async () => {
    for (const path of postRoutes()) {
      const rest = path.endsWith('/messages') ? { text: 'a' } : {};
      for (const parameters of [null, 1, 'x', [], ...badParameters]) {
        await post(path, { ...rest, parameters }, 'invalid_request');
      }
      // What JSON.stringify cannot write: numbers that are none.
      for (const number of ['1e999', '-1e999']) {
        const text = path.endsWith('/messages') ? '"text":"a",' : '';
        const body = `{${text}"parameters":{"temperature":${number}}}`;
        await expectRefused({ method: 'POST', path, headers: json, body }, 'invalid_request');
      }
    }
  });

  it('unknown ones, however many and however long their names', async () => {
    const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`field ${n}`, n]));
    for (const path of postRoutes()) {
      const rest = path.endsWith('/messages') ? { text: 'a' } : {};
      for (const extra of [
        { id: unknownId },
        { userId: unknownId },
        { role: 'system' },
        { '': 1 },
        { '\ud800': 1 },
        many,
        { ['x'.repeat(400_000)]: 1 },
      ]) {
        await post(path, { ...rest, ...extra }, 'invalid_request');
      }
    }
  });

  it('a refusal names the field and the reason', async () => {
    const reply = await call<{ errors: { path: string; message: string }[] }>(
      base,
      'POST',
      '/api/conversations',
      {
        title: '\u0000',
        parameters: { temperature: 3 },
      },
    );
    expect(reply.body.errors.map(({ path }) => path).sort()).toEqual(['/parameters/temperature', '/title']);
    expect(reply.headers.get('x-request-id')).toBe(
      (reply.body as unknown as { requestId: string }).requestId,
    );
  });

  it('a field that comes twice counts once, as its last value', async () => {
    const body = '{"title":"first","title":"last"}';
    const reply = await sendRaw(base, { method: 'POST', path: '/api/conversations', headers: json, body });
    expect(reply?.status).toBe(201);
    expect(JSON.parse(reply?.body ?? '')).toMatchObject({ title: 'last' });
  });

  it('an Idempotency-Key that is empty, too long, not ASCII, has spaces or comes twice', async () => {
    const body = '{}';
    for (const key of ['', 'x'.repeat(256), 'x'.repeat(10_000), 'a b', 'é', '你好', 'a\tb', '\x7f']) {
      const headers = [...json, ['Idempotency-Key', Buffer.from(key).toString('latin1')]] as const;
      await expectRefused(
        { method: 'POST', path: '/api/conversations', headers, body },
        'invalid_idempotency_key',
        'bad_http',
      );
    }
    const twice = [...json, ['Idempotency-Key', 'a'], ['Idempotency-Key', 'b']] as const;
    await expectRefused(
      { method: 'POST', path: '/api/conversations', headers: twice, body },
      'invalid_idempotency_key',
    );
  });
});

describe('what is not HTTP', () => {
  const send = async (what: string, bytes: string | Buffer, ...codes: Expected[]) =>
    expectProblem(await exchange(base, bytes, { half: true }), codes, what);
  // Signed in, or some of these would be refused for that and never be looked at.
  const head = (lines: string) =>
    `${lines}\r\nHost: x\r\nAuthorization: ${testUser.headers.authorization}\r\n`;

  it('garbage, another protocol, a wrong version, a broken head', async () => {
    await send('garbage', 'garbage\r\n\r\n', 'bad_http');
    await send('bytes', Buffer.from(Array.from({ length: 512 }, (_, n) => (n * 151 + 7) % 256)), 'bad_http');
    await send('TLS', Buffer.from('16030100c8010000c40303', 'hex'), 'bad_http');
    await send('HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'bad_http');
    await send('version', 'GET / HTTP/9.9\r\nHost: x\r\n\r\n', 'bad_http');
    await send('method', 'FROB / HTTP/1.1\r\nHost: x\r\n\r\n', 'bad_http');
    await send('header name', `${head('GET /api/me HTTP/1.1')}b@d name: 1\r\n\r\n`, 'bad_http');
    await send(
      'folded header',
      `${head('GET /api/me HTTP/1.1')}a: 1\r\n b\r\n\r\n`,
      'bad_http',
      'route_not_found',
    );
    await send('NUL', `${head('GET /api/me HTTP/1.1')}a: \0\r\n\r\n`, 'bad_http');
    await send('no host', 'GET /api/me HTTP/1.1\r\n\r\n', 'bad_http');
    await send('two hosts', 'GET /api/me HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 'bad_http');
    await send(
      'an expectation',
      `${head('GET /api/no HTTP/1.1')}Expect: 200-maybe\r\n\r\n`,
      'route_not_found',
    );
    await send('no end', 'GET /api/me HT', 'bad_http');
    await send(
      'long header',
      `${head('GET /api/me HTTP/1.1')}a: ${'x'.repeat(20_000)}\r\n\r\n`,
      'headers_too_large',
    );
    await send('many headers', head('GET /api/me HTTP/1.1') + 'a: 1\r\n'.repeat(20_000), 'headers_too_large');
  });

  it('a length that is wrong, double, or fought over by two fields', async () => {
    const post = `${head('POST /api/conversations HTTP/1.1')}Content-Type: application/json\r\n`;
    await send('negative', `${post}Content-Length: -1\r\n\r\n{}`, 'bad_http');
    await send('no number', `${post}Content-Length: x\r\n\r\n{}`, 'bad_http');
    await send('two', `${post}Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}`, 'bad_http');
    await send('both', `${post}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 'bad_http');
    await send(
      'bad chunk',
      `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n`,
      'bad_http',
      'invalid_json',
      'invalid_request',
    );
    await send(
      'bad coding',
      `${post}Transfer-Encoding: gzip\r\n\r\n{}`,
      'bad_http',
      'unsupported_media_type',
    );
    await send('too long', `${post}Content-Length: 50\r\n\r\n{}`, 'bad_http', 'invalid_json');
  });

  it.runIf(process.platform === 'linux')(
    'clients that were refused and stay keep no socket of ours',
    async () => {
      const { hostname, port } = new URL(base);
      const openFiles = () => readdirSync(`/proc/${stack.apis[0]?.pid}/fd`).length;
      const before = openFiles();
      // They say nothing more and do not close their side: only the server can end this.
      const sockets = Array.from({ length: 50 }, () => {
        const socket = net.connect({ host: hostname, port: Number(port), allowHalfOpen: true });
        socket.on('error', () => {});
        socket.resume();
        socket.write('garbage\r\n\r\n');
        return socket;
      });
      await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once('end', resolve))));
      await expect.poll(openFiles, { timeout: 20_000 }).toBeLessThan(before + sockets.length / 2);
      for (const socket of sockets) socket.destroy();
    },
  );
});

describe('after all that', () => {
  it('requests that trickle in were cut off by 408', async () => {
    for (const reply of await Promise.all(slow)) expectProblem(reply, ['request_timeout'], 'slow request');
  });

  it('the process is the same, healthy, and answers', async () => {
    const exited = await Promise.race([stack.apis[0]?.exited, Promise.resolve('alive')]);
    expect(exited).toBe('alive');
    expect((await call(base, 'GET', '/healthz')).status).toBe(200);
    expect((await call(base, 'GET', '/readyz')).status).toBe(200);
    const { run } = await ask(base, question({ deltas: 3 }));
    expect((await follow([base], run)).terminal?.type).toBe('completed');
    expect((await createConversation(base, { title: '👩‍👩‍👧' })).title).toBe('👩‍👩‍👧');
    // Nothing that was refused was stored: one message here, one above, and their answers.
    const { rows } = await stack.db.query('select count(*)::int as count from messages');
    expect(rows).toEqual([{ count: 4 }]);
  });
});
