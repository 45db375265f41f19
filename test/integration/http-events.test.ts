/** The event stream as HTTP: its head, its first bytes, its silence, its end, and how many of them there may be. */

import net from 'node:net';
import type { RunView } from '@holdfast/shared/http/schemas.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { ask, call, follow, question } from '../support/ask.ts';
import { requestBytes, sendRaw } from '../support/raw-http.ts';
import { followRun } from '../support/recorder.ts';
import { type EventStream, openEventStream, type SseItem } from '../support/sse-reader.ts';
import { type ApiProcess, type Stack, startStack } from '../support/stack.ts';

const page = 'https://chat.example.com';
const connectionsMax = 6;

let stack: Stack;
let base: string;
/** With few connections, short lives and CORS for one page; the other process of the stack has none of them. */
let strict: ApiProcess;
/** A run that has begun and says nothing more. */
let quiet: RunView;
const asked: RunView[] = [];

beforeAll(async () => {
  stack = await startStack({ env: { UPSTREAM_IDLE_MS: '300000', CORS_ORIGINS: page } });
  base = stack.apis[0]?.url ?? '';
  strict = await stack.startApi({ EVENT_CONNECTIONS_MAX: String(connectionsMax) });
  quiet = await askQuiet();
});
afterAll(async () => {
  await Promise.all(asked.map((run) => call(base, 'POST', `/api/runs/${run.id}/cancel`)));
  await stack.stop();
});

async function askQuiet(): Promise<RunView> {
  const { run } = await ask(base, question({ deltas: 10, fault: 'stall', atDelta: 2 }));
  asked.push(run);
  return run;
}

const open = (origin: string, run: RunView = quiet, headers: Record<string, string> = {}) =>
  openEventStream(`${origin}${run.eventsUrl}`, { headers, signal: AbortSignal.timeout(40_000) });

/** Items of a stream up to the first of a kind. Ends the stream. */
async function readUntil(stream: EventStream, kind: SseItem['kind']): Promise<SseItem[]> {
  const items: SseItem[] = [];
  for await (const item of stream) {
    items.push(item);
    if (item.kind === kind) break;
  }
  return items;
}

describe('the head of an event stream', () => {
  it('keeps proxies and browsers from storing, changing and collecting it', async () => {
    const stream = await open(base, quiet, { 'accept-encoding': 'gzip, br' });
    stream.cut();
    expect(stream.status).toBe(200);
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      'x-content-type-options': 'nosniff',
    });
    expect(stream.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
    expect(stream.headers['content-encoding']).toBeUndefined();
    expect(stream.headers['content-length']).toBeUndefined();
  });

  it('carries the same headers of security as every other answer', async () => {
    const stream = await open(base);
    stream.cut();
    const other = await fetch(`${base}/healthz`);
    const names = [
      'content-security-policy',
      'x-content-type-options',
      'x-frame-options',
      'referrer-policy',
      'cross-origin-opener-policy',
    ];
    for (const name of names) {
      expect(stream.headers[name]).toBeTruthy();
      expect(stream.headers[name]).toBe(other.headers.get(name));
    }
    expect(stream.headers['content-security-policy']).toContain("frame-ancestors 'none'");
    // A head that was cut off in the middle must have it, or an EventSource gives up for ever.
    expect(Object.keys(stream.headers)[0]).toBe('content-type');
  });

  it('has another request id for each connection', async () => {
    const streams = await Promise.all(Array.from({ length: 10 }, () => open(base)));
    for (const stream of streams) stream.cut();
    expect(new Set(streams.map((stream) => stream.headers['x-request-id'])).size).toBe(10);
  });

  it('allows the page that may read it, with credentials, and no other one', async () => {
    const allowed = await open(base, quiet, { origin: page });
    allowed.cut();
    expect(allowed.headers).toMatchObject({
      'access-control-allow-origin': page,
      'access-control-allow-credentials': 'true',
    });
    expect(allowed.headers.vary).toMatch(/\bOrigin\b/i);
    for (const origin of [
      `${page}.evil.example`,
      'https://evil.example',
      'http://chat.example.com',
      'null',
    ]) {
      const stream = await open(base, quiet, { origin });
      stream.cut();
      expect(stream.headers['access-control-allow-origin']).toBeUndefined();
    }
  });

  it('lets that page send its cursor and read why it was refused', async () => {
    const preflight = await fetch(`${base}${quiet.eventsUrl}`, {
      method: 'OPTIONS',
      headers: {
        origin: page,
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'last-event-id',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-headers')).toMatch(/last-event-id/i);
    const refused = await sendRaw(base, { path: '/api/runs/unknown/events', headers: [['Origin', page]] });
    expect(refused?.status).toBe(404);
    expect(refused?.headers['access-control-allow-origin']).toBe(page);
  });

  it('is not sent for HEAD, which is answered at once', async () => {
    const reply = await sendRaw(base, { method: 'HEAD', path: quiet.eventsUrl }, { half: true });
    expect([404, 405]).toContain(reply?.status);
    for (const method of ['POST', 'PUT', 'DELETE', 'TRACE']) {
      const other = await sendRaw(base, { method, path: quiet.eventsUrl });
      expect([404, 405]).toContain(other?.status);
      expect(other?.headers['content-type']).toMatch(/^application\/problem\+json/);
    }
  });
});

describe('an event stream', () => {
  it('begins with a retry time that differs from reader to reader, so that they do not come back together', async () => {
    const streams = await Promise.all(Array.from({ length: 20 }, () => open(base)));
    const firsts = await Promise.all(streams.map((stream) => readUntil(stream, 'event')));
    const times = firsts.map(([first]) => (first?.kind === 'retry' ? first.ms : Number.NaN));
    for (const ms of times) expect(ms).toSatisfy((value: number) => value >= 500 && value < 2_000);
    expect(new Set(times).size).toBeGreaterThan(10);
  });

  it('sends heartbeats on a quiet run: comments, which move no cursor', async () => {
    const stream = await open(base);
    const items = await readUntil(stream, 'comment');
    expect(items.at(-1)).toMatchObject({ kind: 'comment' });
    expect(items.filter((item) => item.kind === 'event').length).toBeGreaterThan(0);
    // As bytes, too: a parser would not tell an id in the heartbeat's block.
    const raw = await sendRaw(base, { path: quiet.eventsUrl }, { until: ': heartbeat\n\n' });
    expect(raw?.body).toMatch(/\n\n(?:\r\n[0-9a-f]+\r\n)?: heartbeat\n\n/);
  });

  it('ends cleanly when its connection has lived long enough, and its reader loses nothing', async () => {
    const directive = { deltas: 60, seed: 51, intervalMs: 60 };
    const shortLived = await stack.startApi({ EVENT_CONNECTION_LIFE_MS: '1000' });
    const { run } = await ask(base, question(directive));
    const records = await Promise.all(
      Array.from({ length: 8 }, (_, n) =>
        follow([shortLived.url], run, { cursorBy: n % 2 ? 'query' : 'header' }),
      ),
    );
    for (const record of records) {
      expect(record.violations).toEqual([]);
      expect(record.text).toBe(scriptedText(directive).join(''));
      expect(record.connections.length).toBeGreaterThan(1);
      expect(new Set(record.connections.map((connection) => connection.end))).toEqual(new Set(['eof']));
    }
    await shortLived.stop();
  });
});

describe('the number of event streams', () => {
  /** Opens a stream as soon as the process lets us. */
  const openWhenFree = async (run: RunView = quiet) => {
    let stream = await open(strict.url, run);
    const tryAgain = async () => {
      if (stream.status !== 200) stream = await open(strict.url, run);
      return stream.status;
    };
    await expect.poll(tryAgain, { timeout: 20_000 }).toBe(200);
    return stream;
  };

  it('is limited: one more is answered by 503 with Retry-After, and served again once one has gone', async () => {
    const streams = await Promise.all(Array.from({ length: connectionsMax }, () => openWhenFree()));
    const refused = await open(strict.url);
    expect(refused.status).toBe(503);
    expect(refused.headers['content-type']).toMatch(/^application\/problem\+json/);
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
    expect(JSON.parse(refused.body)).toMatchObject({ code: 'overloaded', status: 503 });
    // Everything else goes on.
    expect((await call(strict.url, 'GET', quiet.eventsUrl.replace('/events', ''))).status).toBe(200);

    streams.pop()?.cut();
    streams.push(await openWhenFree());
    for (const stream of streams) stream.cut();
  });

  it('counts no reader that has vanished: not after an event, not in its first request, not before its answer', async () => {
    const { hostname, port } = new URL(strict.url);
    const request = requestBytes(strict.url, { path: quiet.eventsUrl });
    for (let n = 0; n < 60; n++) {
      await new Promise<void>((resolve) => {
        const socket = net.connect({ host: hostname, port: Number(port) }, () => {
          socket.write(request, () => {
            // At once, in the next turns of the event loop, and when the answer has begun.
            if (n % 4 === 3) socket.once('data', () => socket.resetAndDestroy());
            else setTimeout(() => socket.resetAndDestroy(), n % 4);
          });
        });
        socket.on('error', () => {});
        socket.once('close', () => resolve());
      });
    }
    const streams: EventStream[] = [];
    for (let n = 0; n < connectionsMax; n++) streams.push(await openWhenFree());
    for (const stream of streams) stream.cut();
  });

  it('leaves no subscription behind: a run that nobody reads any more is not listened to', async () => {
    const run = await askQuiet();
    const channel = `${stack.redisPrefix}:run:{${run.id}}:live`;
    const listeners = async () =>
      ((await stack.redis.call('PUBSUB', 'NUMSUB', channel)) as [string, number])[1];
    const readers = [1, 2].map(() =>
      followRun({ bases: [strict.url], url: (b) => `${b}${run.eventsUrl}`, connectionsMax: 1 }),
    );
    await expect
      .poll(() => readers.every(({ record }) => record.ids.length > 0), { timeout: 20_000 })
      .toBe(true);
    expect(await listeners()).toBe(1);
    readers[0]?.cut();
    await readers[0]?.done;
    expect(await listeners()).toBe(1);
    readers[1]?.cut();
    await expect.poll(listeners, { timeout: 20_000 }).toBe(0);
  });
});
