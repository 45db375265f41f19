/**
 * A TCP proxy that stands for the network between two of our processes, and breaks as networks break.
 *
 * pass       connections are forwarded
 * refuse     nobody listens on the port: ECONNREFUSED; live connections go on
 * blackhole  connections are accepted and kept, nothing goes through, in either direction, not even an end; with
 *            `pass` everything that was held goes through, as after a real partition
 *
 * Besides the mode there are the shape of the traffic (latency, rate, slice, cut), which applies to live and new
 * connections, and single blows (reset, halfClose, pause).
 */
import net from 'node:net';
import { createLane, type Direction, type Lane, type Shape } from './chaos-lane.ts';
import { listenAgain, listenAnywhere } from './chaos-listen.ts';

export type { Direction } from './chaos-lane.ts';

export interface Target {
  readonly host: string;
  readonly port: number;
}

export type Side = 'client' | 'server';

export type ChaosProxy = Awaited<ReturnType<typeof startChaosProxy>>;

interface Connection {
  readonly client: net.Socket;
  readonly number: number;
  server: net.Socket | null;
  lanes: Record<Direction, Lane> | null;
}

/** Starts a proxy in mode `pass` on the loopback interface. Rejects when no port is free. */
export async function startChaosProxy(options: { readonly target: Target }) {
  let target = options.target;
  let blackhole = false;
  let accepted = 0;
  let broken = 0;
  const shape: Shape = { latencyMs: 0, bytesPerSecond: Infinity, sliceBytes: Infinity };
  let cut: { at: (connection: number) => number; how: 'fin' | 'reset' } | null = null;
  const paused = new Set<Direction>();
  const forwarded: Record<Direction, number> = { request: 0, reply: 0 };
  const connections = new Set<Connection>();

  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const connection: Connection = { client, number: accepted++, server: null, lanes: null };
    connections.add(connection);
    client.on('error', () => {}); // resets are what this proxy is for
    client.once('close', (failed) => leave(connection, failed));
    if (!blackhole) connect(connection);
  });

  function connect(connection: Connection): void {
    const { client } = connection;
    const upstream = net.connect({ ...target, allowHalfOpen: true, noDelay: true });
    connection.server = upstream;
    upstream.on('error', () => {});
    upstream.once('close', (failed) => {
      // In a partition the other side does not learn of it before it is over.
      if (blackhole) return;
      if (failed) destroy(connection, 'reset');
    });
    const count = (direction: Direction) => (bytes: number) => {
      forwarded[direction] += bytes;
    };
    connection.lanes = {
      request: createLane({ source: client, sink: upstream, shape, onBytes: count('request') }),
      reply: createLane({
        source: upstream,
        sink: client,
        shape,
        onBytes: count('reply'),
        cutAfter: cut?.at(connection.number) ?? Infinity,
        onCut: () => destroy(connection, cut?.how ?? 'fin'),
      }),
    };
    holdOrRelease(connection);
  }

  function leave(connection: Connection, failed: boolean): void {
    if (blackhole) return; // see connect()
    connections.delete(connection);
    end(connection.server, failed ? 'reset' : 'fin');
  }

  function holdOrRelease({ lanes }: Connection): void {
    for (const direction of ['request', 'reply'] as const) {
      if (blackhole || paused.has(direction)) lanes?.[direction].hold();
      else lanes?.[direction].release();
    }
  }

  function destroy(connection: Connection, how: 'fin' | 'reset'): void {
    broken += 1;
    end(connection.client, how);
    end(connection.server, how);
  }

  function endPartition(): void {
    blackhole = false;
    for (const connection of connections) {
      const gone = connection.client.destroyed || connection.server?.destroyed === true;
      if (gone) {
        destroy(connection, 'reset');
        connections.delete(connection);
      } else if (connection.server) holdOrRelease(connection);
      else connect(connection);
    }
  }

  const port = await listenAnywhere(server);

  return {
    port,
    /** The proxy's address, e.g. `redis://127.0.0.1:20001`. */
    url: (scheme = 'http', host = '127.0.0.1'): string => `${scheme}://${host}:${port}`,

    /** Forwards again, and lets through what a black hole held. Resolves once the port listens. */
    async pass(): Promise<void> {
      if (blackhole) endPartition();
      if (!server.listening) await listenAgain(server, port);
    },
    /** Stops listening. New connections are refused from the moment this resolves; live ones go on. */
    async refuse(): Promise<void> {
      if (blackhole) endPartition();
      // Not the callback of close(): that waits for the live connections, too.
      server.close();
    },
    /** Accepts but forwards nothing, live connections included. */
    async blackhole(): Promise<void> {
      if (!server.listening) await listenAgain(server, port);
      blackhole = true;
      for (const connection of connections) holdOrRelease(connection);
    },
    /** Resets (TCP RST) every live connection, on both sides. Returns how many. */
    reset(): number {
      const live = [...connections];
      for (const connection of live) {
        destroy(connection, 'reset');
        connections.delete(connection);
      }
      return live.length;
    },
    /**
     * Ends every new connection once this many reply bytes went through: the same number for all, or one per
     * connection (see `randomBytes`); null: no longer. `how`: an early end, or a reset, which may also take bytes from
     * the reader that had already arrived.
     */
    cutAfter(bytes: number | ((connection: number) => number) | null, how: 'fin' | 'reset' = 'fin'): void {
      cut = bytes === null ? null : { at: typeof bytes === 'number' ? () => bytes : bytes, how };
    },
    /** Sends an end (FIN) to one side of every live connection; the other direction goes on. */
    halfClose(side: Side): void {
      for (const connection of connections) connection[side]?.end();
    },
    /** Delays each chunk by this long, in both directions. */
    latency(ms: number): void {
      shape.latencyMs = ms;
    },
    /** Lets through at most this many bytes per second, per connection and direction; Infinity: no limit. */
    rate(bytesPerSecond: number): void {
      shape.bytesPerSecond = bytesPerSecond;
    },
    /** Forwards in pieces of at most this many bytes, each in a write of its own; Infinity: as they come. */
    slice(bytes: number): void {
      shape.sliceBytes = bytes;
    },
    /** Stops reading one direction (`request`: client → server), so that the sender's buffers fill up. */
    pause(direction: Direction): void {
      paused.add(direction);
      for (const connection of connections) holdOrRelease(connection);
    },
    /** Reads that direction again. */
    resume(direction: Direction): void {
      paused.delete(direction);
      for (const connection of connections) holdOrRelease(connection);
    },
    /** Where new connections go; live ones stay. */
    retarget(next: Target): void {
      target = next;
    },
    /** Connections ever accepted, alive now, and ended by this proxy; bytes forwarded in each direction. */
    counts: () => ({ accepted, live: connections.size, broken, bytes: { ...forwarded } }),
    /** Resets everything and gives the port back. */
    async stop(): Promise<void> {
      blackhole = false;
      const closed = new Promise((resolve) => server.close(resolve));
      for (const connection of connections) destroy(connection, 'reset');
      await closed;
    },
  };
}

function end(socket: net.Socket | null, how: 'fin' | 'reset'): void {
  // Both wait for the connection to be made. A dead target never makes it; nobody has to wait for that.
  if (socket?.connecting) socket.unref();
  if (how === 'reset') socket?.resetAndDestroy();
  else socket?.destroySoon();
}

/**
 * For `cutAfter`: a number from `min` to `max` for each connection, the same ones for the same seed, so that a failed
 * run can be repeated.
 */
export function randomBytes({ seed, min, max }: { seed: number; min: number; max: number }) {
  return (connection: number): number => {
    // mulberry32, one step, started at a place of its own for each connection
    let x = (seed + Math.imul(connection + 1, 0x6d2b79f5)) | 0;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return min + (((x ^ (x >>> 14)) >>> 0) % (max - min + 1));
  };
}
