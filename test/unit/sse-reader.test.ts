import type http from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  deltaFrame as delta,
  type EventServer,
  eventFrame,
  openEvents as open,
  startEventServer,
} from '../support/event-server.ts';
import { openEventStream, type SseItem } from '../support/sse-reader.ts';

let server: EventServer;

beforeEach(async () => {
  server = await startEventServer();
});
afterEach(() => server.stop());

const started = eventFrame('1-0', 'started', { runId: 'r', model: 'm' });

describe('an event stream', () => {
  it('yields events, comments and retry in order, through characters that are cut', async () => {
    const body = Buffer.from(
      `retry: 7\n\n: 💓\n\nid: 1-0\ndata: ä💓\n\nevent: x\ndata: 1\ndata: 2\n\ndata: never ended`,
    );
    const write = async (response: http.ServerResponse) => {
      // One by one, each when the one before has left: they arrive alone.
      for (const byte of body) await new Promise((left) => response.write(Buffer.of(byte), left));
      response.end();
    };
    server.handle = (_, response) => void write(open(response));
    const stream = await openEventStream(`${server.base}/`);
    expect(stream).toMatchObject({ status: 200, headers: { 'content-type': 'text/event-stream' } });
    expect(await Array.fromAsync(stream)).toEqual([
      { kind: 'retry', ms: 7 },
      { kind: 'comment', text: '💓' },
      { kind: 'event', id: '1-0', event: 'message', data: 'ä💓' },
      { kind: 'event', id: null, event: 'x', data: '1\n2' },
    ] satisfies SseItem[]);
    expect(await stream.ended).toBe('eof');
    expect(stream.bytes()).toBe(body.length);
  });

  it('shows the body of a refusal', async () => {
    server.handle = (_, response) => response.writeHead(404).end('{"code":"run_not_found"}');
    const stream = await openEventStream(server.base);
    expect(stream).toMatchObject({ status: 404, body: '{"code":"run_not_found"}' });
    expect(await Array.fromAsync(stream)).toEqual([]);
  });

  it('vanishes at any byte; the event that is not whole is not seen', async () => {
    server.handle = (_, response) => void open(response).write(started + delta('1-1', 'ä'));
    const length = Buffer.byteLength(started + delta('1-1', 'ä'));
    for (const [cutAfterBytes, events] of [
      [0, 0],
      [started.length - 1, 0],
      [started.length, 1],
      [length - 1, 1],
      [length, 2],
    ] as const) {
      const stream = await openEventStream(server.base, { cutAfterBytes });
      expect(await Array.fromAsync(stream)).toHaveLength(events);
      expect(await stream.ended).toBe('cut');
    }
  });

  it('stalled, fills up the sender, and loses nothing when it goes on', async () => {
    const count = 3_000;
    let sender: http.ServerResponse | undefined;
    server.handle = (_, response, request) => {
      if (request.url === '/ping') return void response.end();
      sender = open(response);
      for (let n = 0; n < count; n++) response.write(delta(`1-${n}`, 'x'.repeat(10_000)));
      response.end();
    };
    const stream = await openEventStream(server.base);
    stream.stall();
    // Each takes turns of the event loop in which a socket that is read would have been read.
    for (let n = 0; n < 20; n++) await (await fetch(`${server.base}/ping`)).text();
    expect(stream.bytes()).toBeLessThan(1_000_000);
    expect(sender?.writableLength).toBeGreaterThan(1_000_000);
    stream.resume();
    expect(await Array.fromAsync(stream)).toHaveLength(count);
    expect(await stream.ended).toBe('eof');
  });

  it('stalled while the sender ends, still yields everything', async () => {
    const closed = Promise.withResolvers<void>();
    server.handle = (_, response, request) => {
      if (request.url === '/ping') return void response.end();
      response.once('close', () => closed.resolve());
      open(response).write(started);
      void stalled.promise.then(() => response.end(delta('1-1', 'a')));
    };
    const stalled = Promise.withResolvers<void>();
    const stream = await openEventStream(server.base);
    stream.stall();
    stalled.resolve();
    await closed.promise;
    for (let n = 0; n < 5; n++) await (await fetch(`${server.base}/ping`)).text();
    stream.resume();
    expect(await Array.fromAsync(stream)).toHaveLength(2);
    expect(await stream.ended).toBe('eof');
  });

  it('ends by its signal, before and after the answer', async () => {
    const abort = new AbortController();
    const asked = Promise.withResolvers<void>();
    server.handle = () => asked.resolve();
    const waiting = openEventStream(server.base, { signal: abort.signal });
    await asked.promise;
    abort.abort();
    await expect(waiting).rejects.toBe(abort.signal.reason);

    server.handle = (_, response) => void open(response).write(started);
    const later = new AbortController();
    const stream = await openEventStream(server.base, { signal: later.signal });
    for await (const _ of stream) later.abort();
    expect(await stream.ended).toBe('aborted');
  });
});
