/** What the cutting proxy does; longer than 250 lines because each of its faults needs a connection of its own. */
import { once } from 'node:events';
import net from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type ChaosProxy, randomBytes, startChaosProxy } from '../support/chaos-proxy.ts';

/** A server whose connections the test holds in its hands. */
async function startServer() {
  const all: net.Socket[] = [];
  const sockets: net.Socket[] = [];
  const waiting: ((socket: net.Socket) => void)[] = [];
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    all.push(socket);
    socket.on('error', () => {});
    const next = waiting.shift();
    if (next) next(socket);
    else sockets.push(socket);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    target: { host: '127.0.0.1', port: (server.address() as net.AddressInfo).port },
    accepted: async () => sockets.shift() ?? new Promise<net.Socket>((resolve) => waiting.push(resolve)),
    waitingSockets: () => sockets.length,
    async stop() {
      // A socket whose other side has ended is not polled any more, and does not notice that it was reset.
      for (const socket of all) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Collects what a socket receives and how it ends. */
function listen(socket: net.Socket) {
  let text = '';
  const ends: string[] = [];
  socket.setEncoding('utf8');
  socket.on('data', (part: string) => {
    text += part;
  });
  socket.on('end', () => ends.push('end'));
  socket.on('error', (error: NodeJS.ErrnoException) => ends.push(error.code ?? ''));
  return {
    ends,
    text: () => text,
    has: (expected: string) => vi.waitFor(() => expect(text).toBe(expected)),
    ended: (how: string) => vi.waitFor(() => expect(ends).toContain(how)),
  };
}

let server: Awaited<ReturnType<typeof startServer>>;
let proxy: ChaosProxy;
let clients: net.Socket[];

beforeEach(async () => {
  server = await startServer();
  proxy = await startChaosProxy({ target: server.target });
  clients = [];
});
afterEach(async () => {
  await proxy.stop();
  for (const client of clients) client.destroy();
  await server.stop();
});

function dial(): net.Socket {
  const client = net.connect({ port: proxy.port, host: '127.0.0.1', allowHalfOpen: true });
  clients.push(client);
  return client;
}

async function pair() {
  const client = dial();
  const served = await server.accepted();
  return { client, served, atClient: listen(client), atServer: listen(served) };
}

describe('the chaos proxy', () => {
  it('passes bytes and ends both ways, and counts', async () => {
    const { client, served, atClient, atServer } = await pair();
    client.end('request');
    await atServer.has('request');
    await atServer.ended('end');
    served.end('the reply');
    await atClient.has('the reply');
    await atClient.ended('end');
    expect(proxy.counts()).toMatchObject({ accepted: 1, bytes: { request: 7, reply: 9 } });
    await vi.waitFor(() => expect(proxy.counts().live).toBe(0));
    expect(proxy.url('redis')).toBe(`redis://127.0.0.1:${proxy.port}`);
  });

  it('refuses new connections, keeps live ones, and listens again on the same port', async () => {
    const { client, atServer } = await pair();
    await proxy.refuse();
    await listen(dial()).ended('ECONNREFUSED');
    client.write('still here');
    await atServer.has('still here');
    await proxy.pass();
    await pair();
  });

  it('in a black hole nothing goes through, not even an end; afterwards everything does', async () => {
    const live = await pair();
    const leaving = await pair();
    await proxy.blackhole();
    const late = dial();
    await once(late, 'connect');
    late.write('from within');
    live.client.end('held');
    leaving.client.resetAndDestroy();
    await vi.waitFor(() => expect(proxy.counts().accepted).toBe(3));
    // A connection around the proxy: what was under way through it would have arrived before this answer.
    const around = net.connect(server.target.port, '127.0.0.1');
    clients.push(around);
    const aroundServed = await server.accepted();
    aroundServed.resume().end('x');
    await listen(around).ended('end');
    expect([live.atServer.text(), live.atServer.ends, leaving.atServer.ends]).toEqual(['', [], []]);
    expect(server.waitingSockets()).toBe(0);

    await proxy.pass();
    await live.atServer.has('held');
    await live.atServer.ended('end');
    await leaving.atServer.ended('ECONNRESET');
    await listen(await server.accepted()).has('from within');
  });

  it('resets every live connection on both sides', async () => {
    const pairs = [await pair(), await pair()];
    expect(proxy.reset()).toBe(2);
    for (const { atClient, atServer } of pairs) {
      await atClient.ended('ECONNRESET');
      await atServer.ended('ECONNRESET');
    }
    expect(proxy.counts().live).toBe(0);
  });

  it('passes a reset on', async () => {
    const { client, served, atServer } = await pair();
    client.resetAndDestroy();
    await atServer.ended('ECONNRESET');
    served.destroy();
    const other = await pair();
    other.served.resetAndDestroy();
    await other.atClient.ended('ECONNRESET');
  });

  it('cuts each new connection after exactly so many reply bytes', async () => {
    proxy.cutAfter((connection) => [5, 0][connection] ?? Infinity);
    for (const expected of ['01234', '', '0123456789']) {
      const { served, atClient } = await pair();
      served.write('012');
      served.end('3456789');
      await atClient.ended('end');
      expect(atClient.text()).toBe(expected);
    }
    proxy.cutAfter(3, 'reset');
    const { served, atClient } = await pair();
    served.write('0123456789');
    await atClient.ended('ECONNRESET');
    proxy.cutAfter(null);
    const whole = await pair();
    whole.served.end('0123456789');
    await whole.atClient.has('0123456789');
  });

  it('closes one half only', async () => {
    const { client, served, atClient, atServer } = await pair();
    proxy.halfClose('server');
    await atServer.ended('end');
    served.write('you closed, I still talk');
    await atClient.has('you closed, I still talk');
    proxy.halfClose('client');
    await atClient.ended('end');
    client.end();
    served.end();
  });

  it('slices replies into single bytes, in order', async () => {
    proxy.slice(1);
    const { served, client, atClient } = await pair();
    const text = 'Grüße 👋 '.repeat(50);
    let parts = 0;
    client.on('data', () => parts++);
    served.end(text);
    await atClient.ended('end');
    expect(atClient.text()).toBe(text);
    expect(parts).toBeGreaterThan(10);
  });

  it('delays and throttles without losing or reordering', async () => {
    proxy.latency(5);
    proxy.rate(1_000_000);
    const { served, atClient } = await pair();
    const text = Array.from({ length: 20_000 }, (_, n) => `${n},`).join('');
    served.end(text);
    await atClient.ended('end');
    expect(atClient.text()).toBe(text);
  });

  it('stops reading one direction until the sender feels it, and goes on', async () => {
    const { client, served, atClient, atServer } = await pair();
    proxy.pause('reply');
    let written = 0;
    // Fails by the test's time limit if the proxy goes on reading.
    while (served.write('x'.repeat(65_536))) written++;
    expect(written).toBeLessThan(10_000);
    client.write('the other direction is free');
    await atServer.has('the other direction is free');
    expect(atClient.text()).toBe('');
    proxy.resume('reply');
    await once(served, 'drain');
    served.end();
    await atClient.ended('end');
    expect(atClient.text()).toHaveLength((written + 1) * 65_536);
  });

  it('keeps little of what it delays: the sender has to wait', async () => {
    proxy.latency(3_600_000);
    const { client, served } = await pair();
    served.write('x'.repeat(30_000_000));
    // Each takes turns of the event loop in which the proxy would have read on.
    for (let n = 0; n < 50; n++) {
      const around = net.connect(server.target.port, '127.0.0.1');
      (await server.accepted()).end('x');
      await once(around.resume(), 'close');
    }
    expect(served.writableLength).toBeGreaterThan(1_000_000);
    expect(client.bytesRead).toBe(0);
  });

  it('sends new connections to another target', async () => {
    const other = await startServer();
    await pair();
    proxy.retarget(other.target);
    dial();
    await other.accepted();
    proxy.reset();
    await other.stop();
  });

  it('passes on that its target is dead', async () => {
    const dead = await startServer();
    await dead.stop();
    proxy.retarget(dead.target);
    await listen(dial()).ended('ECONNRESET');
  });
});

describe('randomBytes', () => {
  it('gives each connection a number in the range, the same for the same seed', () => {
    const draw = (seed: number) =>
      Array.from({ length: 200 }, (_, n) => randomBytes({ seed, min: 10, max: 30 })(n));
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    expect(new Set(draw(1)).size).toBeGreaterThan(15);
    expect(draw(1).every((bytes) => bytes >= 10 && bytes <= 30)).toBe(true);
  });
});
