/**
 * What a provider may send that no provider should: each ends the attempt, with a code, in bounded memory.
 * This file is longer than 250 lines because all cases share the one provider that misbehaves.
 */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { createOpenAiUpstream } from '../../apps/worker/src/upstream/openai.ts';
import { eventCharsMax } from '../../apps/worker/src/upstream/read-events.ts';
import type { UpstreamChunk } from '../../apps/worker/src/upstream/upstream.ts';

const events = { 'content-type': 'text/event-stream; charset=utf-8' };
const prompt = { model: 'm', messages: [{ role: 'user', content: 'Hello' }], parameters: {} } as const;

const frame = (delta: object, rest: object = {}): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: null }], ...rest })}\n\n`;
const text = (content: string): string => frame({ content });
const finish = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n';
const done = 'data: [DONE]\n\n';

const servers: Server[] = [];
let sockets: Socket[];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }
});

async function provider(listener: RequestListener) {
  sockets = [];
  const server = createServer((request, response) => {
    // What is still sent to a worker that has left is not a fault of the provider.
    response.on('error', () => {});
    listener(request, response);
  });
  servers.push(server);
  server.on('connection', (socket) => sockets.push(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return createOpenAiUpstream({
    apiKey: 'sk-test',
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    organization: null,
    maxTokensField: 'max_tokens',
    idleMs: 5_000,
  });
}

/** A provider that answers 200 with these pieces, each in a write of its own. */
const sends = (...pieces: (string | Buffer)[]) =>
  provider((_request, response) => {
    response.writeHead(200, events);
    void (async () => {
      for (const piece of pieces) {
        response.write(piece);
        await turn();
      }
      response.end();
    })();
  });

interface Received {
  readonly text: string;
  readonly chunks: readonly UpstreamChunk[];
  readonly error: unknown;
}

async function receive(
  upstream: Awaited<ReturnType<typeof provider>>,
  signal = new AbortController().signal,
): Promise<Received> {
  const chunks: UpstreamChunk[] = [];
  let error: unknown = null;
  try {
    for await (const chunk of upstream.answer(prompt, signal)) chunks.push(chunk);
  } catch (thrown) {
    error = thrown;
  }
  return { text: chunks.map((chunk) => chunk.text ?? '').join(''), chunks, error };
}

describe('an answer comes whole', () => {
  const whole: [string, (string | Buffer)[]][] = [
    ['with a BOM', ['\uFEFF', text('Hello'), finish, done]],
    ['with CR LF', [(text('Hel') + text('lo') + finish + done).replaceAll('\n', '\r\n')]],
    ['with CR alone', [(text('Hel') + text('lo') + finish + done).replaceAll('\n', '\r')]],
    ['with CR and LF in different packets', [text('Hello').replaceAll('\n', '\r'), '\n', finish, done]],
    ['byte by byte', [...Buffer.from(text('Hello') + finish + done)].map((byte) => Buffer.from([byte]))],
    [
      'with comments and unknown fields',
      [': waiting\n\n', 'odd: 1\nretry: x\n', text('Hello'), finish, done],
    ],
    ['without [DONE]', [text('Hello'), finish]],
    ['with more after [DONE]', [text('Hello'), finish, done, text('never'), 'data: {"no json\n\n']],
    [
      'with events that hold nothing',
      ['data: null\n\n', 'data: 7\n\n', 'data: {}\n\n', text('Hello'), finish, done],
    ],
  ];
  it.for(whole)('%s', async ([, pieces]) => {
    const { text, error } = await receive(await sends(...pieces));
    expect(error).toBeNull();
    expect(text).toBe('Hello');
  });

  it('with a character that is cut between packets', async () => {
    const bytes = Buffer.from(text('👩‍👩‍👧 漢字') + finish + done);
    const upstream = await sends(...[...bytes].map((byte) => Buffer.from([byte])));
    expect(await receive(upstream)).toMatchObject({ text: '👩‍👩‍👧 漢字', error: null });
  });

  it('in 200,000 deltas, with fewer chunks than deltas', async () => {
    const many = text('x').repeat(10_000);
    const {
      text: all,
      chunks,
      error,
    } = await receive(await sends(...Array.from({ length: 20 }, () => many), finish, done));
    expect(error).toBeNull();
    expect(all.length).toBe(200_000);
    expect(chunks.length).toBeLessThan(20_000);
  });

  it('with a usage that nobody can have, which is not taken over', async () => {
    const odd = [
      { prompt_tokens: -1, completion_tokens: 5 },
      { prompt_tokens: 1e308, completion_tokens: 1 },
      'many',
    ];
    const { chunks, error } = await receive(
      await sends(text('Hello'), ...odd.map((usage) => frame({}, { usage })), finish, done),
    );
    expect(error).toBeNull();
    expect(chunks.some((chunk) => chunk.usage)).toBe(false);
  });
});

describe('an answer that nobody can read ends as upstream_invalid', () => {
  const invalid = expect.objectContaining({ code: 'upstream_invalid', retryable: true });

  it('when a line has no end', async () => {
    let sent = 0;
    const piece = 'x'.repeat(64 * 1_024);
    const upstream = await provider((_request, response) => {
      response.writeHead(200, events);
      response.write(`${text('Hello')}data: `);
      const more = () => {
        for (let room = true; room && !response.destroyed; sent += piece.length) room = response.write(piece);
      };
      response.on('drain', more);
      more();
    });
    const { text: before, error } = await receive(upstream);
    expect(before).toBe('Hello');
    expect(error).toEqual(invalid);
    // What the worker has not read, the kernel may have.
    expect(sent).toBeLessThan(eventCharsMax + 64 * 1_024 * 1_024);
    await expect.poll(() => sockets.every((socket) => socket.destroyed)).toBe(true);
  });

  it('when an event has lines without end', async () => {
    const line = `data: ${'x'.repeat(100_000)}\n`;
    const upstream = await sends(...Array.from({ length: 60 }, () => line));
    expect((await receive(upstream)).error).toEqual(invalid);
  });

  it('when an event is not JSON: what came before it is kept', async () => {
    const { text: before, error } = await receive(
      await sends(`${text('Hel') + text('lo')}data: {"choices":[\n\n`),
    );
    expect(before).toBe('Hello');
    expect(error).toEqual(invalid);
  });

  it('when it is a page of HTML', async () => {
    const upstream = await provider((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/html' });
      response.end('<!doctype html><p>Please sign in');
    });
    expect((await receive(upstream)).error).toEqual(invalid);
  });

  it('when it is compressed although nobody asked for that', async () => {
    let asked: string | undefined;
    const upstream = await provider((request, response) => {
      asked = request.headers['accept-encoding'];
      response.writeHead(200, { ...events, 'content-encoding': 'gzip' });
      response.end('?');
    });
    expect((await receive(upstream)).error).toEqual(invalid);
    expect(asked).toBe('identity');
  });

  it('when it has no events at all', async () => {
    expect((await receive(await sends('{"choices":[]}'))).error).toEqual(invalid);
  });
});

describe('other ends', () => {
  it('a redirect is not followed, and is told', async () => {
    const paths: (string | undefined)[] = [];
    const upstream = await provider((request, response) => {
      paths.push(request.url);
      response.writeHead(307, { location: '/elsewhere' });
      response.end();
    });
    expect((await receive(upstream)).error).toMatchObject({ code: 'upstream_invalid', retryable: false });
    expect(paths).toEqual(['/v1/chat/completions']);
  });

  it('an error in mid-answer is told after what came before it', async () => {
    const { text: before, error } = await receive(
      await sends(text('Hello'), 'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n'),
    );
    expect(before).toBe('Hello');
    expect(error).toMatchObject({ code: 'upstream_rate_limited' });
    const named = await receive(await sends('event: error\ndata: {"message":"maximum context"}\n\n'));
    expect(named.error).toMatchObject({ code: 'context_too_long' });
  });

  it('the message of an error without end is read to its bound', async () => {
    const upstream = await provider((_request, response) => {
      response.writeHead(500, { 'content-type': 'text/plain' });
      const more = () => {
        while (!response.destroyed && response.write('x'.repeat(64 * 1_024)));
      };
      response.on('drain', more);
      more();
    });
    expect((await receive(upstream)).error).toMatchObject({ code: 'upstream_unavailable' });
    await expect.poll(() => sockets.every((socket) => socket.destroyed)).toBe(true);
  });

  it('an abort closes the connection, before and in an answer', async () => {
    for (const sent of [null, text('Hello')]) {
      const abort = new AbortController();
      const upstream = await provider((_request, response) => {
        if (sent !== null) response.writeHead(200, events).write(sent);
        else abort.abort();
      });
      if (sent !== null) {
        for await (const _ of upstream.answer(prompt, abort.signal)) abort.abort();
      } else expect((await receive(upstream, abort.signal)).error).toBeNull();
      await expect.poll(() => sockets.every((socket) => socket.destroyed)).toBe(true);
    }
  });

  it('answers one after the other share a connection', async () => {
    const upstream = await sends(text('Hello'), finish, done);
    for (let n = 0; n < 3; n++) {
      expect(await receive(upstream)).toMatchObject({ text: 'Hello', error: null });
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(sockets).toHaveLength(1);
  });
});
