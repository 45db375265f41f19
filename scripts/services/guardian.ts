/**
 * The parent of a native server. Redis and Postgres cannot notice the death of whoever started them; this small
 * process can: its IPC channel closes, and it stops the server in the server's own way. So not even a SIGKILL of
 * the supervisor leaves a database behind, and none is ever cut off in mid-write.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { type Child, type ChildOptions, startChild } from './process.ts';

/** After this a server that was asked to stop is forced. */
const serverStopTimeoutMs = 5_000;

export interface GuardedServer {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly stopSignal: NodeJS.Signals;
  /** Whom to run it as, when not as ourselves. */
  readonly uid?: number;
  readonly gid?: number;
}

/** Starts a native server under a guardian. `pid` is the server's own; stopping and killing reach both. */
export async function startGuarded(
  server: GuardedServer,
  options: Omit<ChildOptions, 'args'>,
): Promise<Child> {
  const child = await startChild({
    ...options,
    args: [fileURLToPath(import.meta.url), JSON.stringify(server)],
    stopTimeoutMs: serverStopTimeoutMs + 2_000,
  });
  const pid = child.ready.pid ?? child.pid;
  const kill = async () => {
    // Only the server: its guardian takes note of its end, as a parent has to, and ends too.
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It had ended already.
    }
    await child.exited;
  };
  return { ...child, pid, kill };
}

function guard(spec: GuardedServer): void {
  const { command, args, cwd, stopSignal, uid, gid } = spec;
  const identity = uid === undefined || gid === undefined ? {} : { uid, gid };
  const server = spawn(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'], ...identity });
  server.once('spawn', () => process.send?.({ type: 'ready', pid: server.pid }));
  server.once('error', (error) => {
    console.error(error.message);
    process.exit(1);
  });
  server.once('exit', (code, signal) => {
    if (signal !== null) console.error(`ended by ${signal}`);
    process.exit(code ?? 1);
  });
  const stop = () => {
    server.kill(stopSignal);
    setTimeout(() => server.kill('SIGKILL'), serverStopTimeoutMs);
  };
  process.once('SIGTERM', stop);
  process.once('disconnect', stop);
}

if (import.meta.main) guard(JSON.parse(process.argv[2] ?? '') as GuardedServer);
