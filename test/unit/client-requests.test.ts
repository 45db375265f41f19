import { expect, test } from 'vitest';
import {
  createBackoff,
  createClient,
  ProblemError,
  UnreachableError,
} from '../../packages/client/src/index.ts';
import { beginEvents, completed, refuse, serve, started } from './client-server.ts';

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
  await using server = await serve((response) => refuse(response, 409, 'conversation_busy', {}, 'Wait.'));
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

test('204 is an answer, and a DELETE whose answer was lost has done its work when nothing is there any more', async () => {
  await using server = await serve((response, number) => {
    if (number === 0) return void response.writeHead(204).end();
    if (number === 1) return void response.destroy();
    response.writeHead(404).end();
  });
  const client = clientOf(server.url);
  expect(await client.logout()).toBe(undefined);
  expect(await client.deleteConversation('c')).toBe(undefined);
  expect(server.seen).toHaveLength(3);
  await expect(client.deleteConversation('c')).rejects.toMatchObject({ status: 404 });
});

test('only a rate limit that is soon over is waited for; the other 429 are told at once', async () => {
  const refused: [code: string, headers: Record<string, string>, retryable: boolean][] = [
    ['token_limit_reached', {}, false],
    ['too_many_waiting', { 'retry-after': '0' }, true],
    ['too_many_connections', { 'retry-after': '0' }, true],
    ['rate_limited', { 'retry-after': '900' }, true],
    ['rate_limited', {}, true],
  ];
  for (const [code, headers, retryable] of refused) {
    await using server = await serve((response) => refuse(response, 429, code, headers));
    await expect(clientOf(server.url).postMessage('c', { text: 'x' })).rejects.toMatchObject({
      code,
      retryable,
    });
    expect(server.seen, code).toHaveLength(1);
  }
  await using server = await serve((response, number) => {
    if (number === 0) refuse(response, 429, 'rate_limited', { 'retry-after': '0' });
    else response.writeHead(200).end('{"id":"u"}');
  });
  expect(await clientOf(server.url).me()).toEqual({ id: 'u' });
});

test('an ended session rejects with unauthenticated, at once, for calls and for events', async () => {
  await using server = await serve((response) => refuse(response, 401, 'unauthenticated'));
  const client = clientOf(server.url);
  const refusal = { name: 'ProblemError', code: 'unauthenticated', retryable: false };
  await expect(client.history('c')).rejects.toMatchObject(refusal);
  await expect(client.followRun({ eventsUrl: '/api/runs/r/events' }).next()).rejects.toMatchObject(refusal);
  expect(server.seen).toHaveLength(2);
});

test('a token goes with every request to the API, events too, and to no other host', async () => {
  await using api = await serve((response, _number, { url }) => {
    if (!url.endsWith('/events')) return void response.writeHead(200).end('{}');
    beginEvents(response);
    response.write(started + completed(1));
  });
  await using other = await serve((response) => {
    beginEvents(response);
    response.write(started + completed(1));
  });
  let token: string | null = 'hfs_one';
  const client = createClient({ baseUrl: api.url, createBackoff: quick, token: () => token });
  await client.me();
  token = 'hfs_two';
  await client.postMessage('c', { text: 'x' });
  for await (const _ of client.followRun({ eventsUrl: '/api/runs/r/events' }));
  token = null;
  await client.me();
  expect(api.seen.map(({ headers }) => headers.authorization)).toEqual([
    'Bearer hfs_one',
    'Bearer hfs_two',
    'Bearer hfs_two',
    undefined,
  ]);
  expect(api.seen[1]?.headers['content-type']).toBe('application/json');
  token = 'hfs_two';
  for await (const _ of client.followRun({ eventsUrl: `${other.url}/api/runs/r/events` }));
  expect(other.seen.map(({ headers }) => headers.authorization)).toEqual([undefined]);
});

test('a run is followed at its eventsUrl, a path or an address', async () => {
  await using server = await serve((response) => {
    beginEvents(response);
    response.write(started + completed(1));
  });
  for (const eventsUrl of ['/api/runs/r/events', `${server.url}/elsewhere`]) {
    const types: string[] = [];
    for await (const event of clientOf(server.url).followRun({ eventsUrl })) types.push(event.type);
    expect(types).toEqual(['started', 'completed']);
  }
  expect(server.seen.map((one) => one.url)).toEqual(['/api/runs/r/events', '/elsewhere']);
});
