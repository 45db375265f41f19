import { expect, test } from 'vitest';
import {
  createBackoff,
  createClient,
  ProblemError,
  UnreachableError,
} from '../../packages/client/src/index.ts';
import { beginEvents, completed, serve, started } from './client-server.ts';

const quick = () => createBackoff({ baseMs: 0, capMs: 1 });
const clientOf = (baseUrl: string) => createClient({ baseUrl, createBackoff: quick });

test('a POST keeps its Idempotency-Key and body over every retry', async () => {
  await using server = await serve((response, number) => {
    if (number === 0) return void response.destroy();
    if (number === 1) return void response.writeHead(503, { 'retry-after': '0' }).end();
    if (number === 2)
      return void response
        .writeHead(202, { 'content-length': '100' })
        .write('{"mess', () => response.destroy());
    response.writeHead(202, { 'content-type': 'application/json' }).end('{"message":{},"run":{"id":"r"}}');
  });
  const accepted = await clientOf(server.url).postMessage('a/b', { text: 'Hello' });
  expect(accepted.run.id).toBe('r');
  expect(server.seen).toHaveLength(4);
  expect(new Set(server.seen.map((one) => one.headers['idempotency-key'])).size).toBe(1);
  expect(server.seen[0]?.headers['idempotency-key']).toMatch(/^[0-9a-f]{32}$/);
  expect(new Set(server.seen.map((one) => one.body))).toEqual(new Set(['{"text":"Hello"}']));
  expect(server.seen[0]?.url).toBe('/api/conversations/a%2Fb/messages');
});

test('a key that is given is used; each call without one has its own', async () => {
  await using server = await serve((response) => response.writeHead(201).end('{}'));
  const client = clientOf(server.url);
  await client.createConversation({}, { idempotencyKey: 'mine' });
  await client.createConversation({});
  await client.createConversation({});
  const keys = server.seen.map((one) => one.headers['idempotency-key']);
  expect(keys[0]).toBe('mine');
  expect(new Set(keys).size).toBe(3);
});

test('a refusal is not repeated and carries its problem', async () => {
  const problem = {
    type: 't',
    title: 'Busy',
    status: 409,
    code: 'conversation_busy',
    detail: 'Wait.',
    requestId: 'q',
  };
  await using server = await serve((response) => {
    response
      .writeHead(409, { 'content-type': 'application/problem+json; charset=utf-8' })
      .end(JSON.stringify(problem));
  });
  const error = await clientOf(server.url)
    .postMessage('c', { text: 'x' })
    .catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ProblemError);
  expect(error).toMatchObject({ code: 'conversation_busy', status: 409, message: 'Wait.', retryable: false });
  expect(server.seen).toHaveLength(1);
});

test('a server that stays down is given up after a few tries, with its last answer', async () => {
  await using server = await serve((response) => response.writeHead(503, { 'retry-after': '0' }).end());
  const call = clientOf(server.url).history('c');
  await expect(call).rejects.toMatchObject({
    name: 'ProblemError',
    status: 503,
    retryable: true,
    retryAfterMs: 0,
  });
  expect(server.seen).toHaveLength(4);
});

test('no server, or a page in place of JSON, is unreachable', async () => {
  await using server = await serve((response) =>
    response.writeHead(200).end('<h1>Log in to the network</h1>'),
  );
  await expect(clientOf(server.url).me()).rejects.toBeInstanceOf(UnreachableError);
  await server[Symbol.asyncDispose]();
  await expect(clientOf(server.url).me()).rejects.toBeInstanceOf(UnreachableError);
});

test('an aborted call rejects with the reason and is not repeated', async () => {
  const controller = new AbortController();
  await using server = await serve(() => controller.abort(new Error('left')));
  await expect(clientOf(server.url).models({ signal: controller.signal })).rejects.toThrow('left');
  expect(server.seen).toHaveLength(1);
});

test('each call goes where the protocol says', async () => {
  await using server = await serve((response) => response.writeHead(200).end('{}'));
  const client = clientOf(server.url);
  await client.me();
  await client.models();
  await client.conversations();
  await client.conversations({ limit: 20, cursor: 'a b' });
  await client.history('c');
  await client.regenerate('m');
  await client.run('r');
  await client.cancel('r');
  expect(server.seen.map((one) => `${one.method} ${one.url} ${one.body}`.trim())).toEqual([
    'GET /api/me',
    'GET /api/models',
    'GET /api/conversations',
    'GET /api/conversations?cursor=a+b&limit=20',
    'GET /api/conversations/c/messages',
    'POST /api/messages/m/regenerate {}',
    'GET /api/runs/r',
    'POST /api/runs/r/cancel',
  ]);
});

test('a run is followed at its eventsUrl, a path or an address', async () => {
  await using server = await serve((response) => {
    beginEvents(response);
    response.write(started + completed(1));
  });
  for (const eventsUrl of ['/api/runs/r/events', `${server.url}/elsewhere`]) {
    const types: string[] = [];
    for await (const event of clientOf(server.url).follow({ eventsUrl })) types.push(event.type);
    expect(types).toEqual(['started', 'completed']);
  }
  expect(server.seen.map((one) => one.url)).toEqual(['/api/runs/r/events', '/elsewhere']);
});
