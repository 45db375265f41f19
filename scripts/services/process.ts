/**
 * Children: Node programs in process groups of their own, so that Ctrl-C in a terminal (a SIGINT to the whole
 * foreground group) reaches only the parent, which then stops them in order. Each has an IPC channel: it says
 * `ready` over it, and takes the channel's closing as its parent's death.
 *
 * starting -> ready -> exited      (starting -> exited: the start rejects with the child's last words)
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Explained } from './explained.ts';
import { openLog } from './log-file.ts';

const readyTimeoutMs = 60_000;
const stopTimeoutMs = 10_000;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What a child sends once it can do its work; some add where they listen, or the process they guard. */
export interface Ready {
  readonly type: 'ready';
  readonly url?: string;
  readonly pid?: number;
}

export interface ChildOptions {
  /** For messages: "The worker ended: …". */
  readonly name: string;
  /** Arguments of `node`. */
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** The file that stdout and stderr are appended to. */
  readonly log: string;
  readonly readyTimeoutMs?: number;
  /** How long `stop` waits between SIGTERM and SIGKILL. */
  readonly stopTimeoutMs?: number;
  /** Ends the child when it fires before the child is ready. */
  readonly signal?: AbortSignal | undefined;
}

/** Something that runs until it is stopped, and can say how it ended. */
export interface Service {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  /** The one line of its log that best says why it ended. */
  lastWords(): string;
  /** The newest lines of its log since it started. */
  lastLines(count: number): string[];
  /** Asks it to end and waits; forces it after a deadline. */
  stop(): Promise<void>;
  /** Ends it and whatever it started at this instant, as a crash would. */
  kill(): Promise<void>;
}

export interface Child extends Service {
  readonly ready: Ready;
}

/** Starts a child and resolves when it says it is ready; rejects with its last words when it ends before that. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const { child, service } = launch(options);
  const ready = Promise.withResolvers<Ready>();
  child.on('message', (message: unknown) => {
    if (isReady(message)) ready.resolve(message);
  });
  void service.exited.then((exit) => {
    ready.reject(new Explained(`${options.name} ended (${describe(exit)}): ${service.lastWords()}`));
  });
  const waitMs = options.readyTimeoutMs ?? readyTimeoutMs;
  const timer = setTimeout(() => {
    ready.reject(
      new Explained(`${options.name} was not ready after ${waitMs / 1000} s; its log is ${options.log}.`),
    );
  }, waitMs);
  const abort = () => ready.reject(new Explained(`${options.name} was stopped while it started.`));
  options.signal?.addEventListener('abort', abort, { once: true });
  if (options.signal?.aborted) abort();
  try {
    return { ...service, ready: await ready.promise };
  } catch (error) {
    await service.stop();
    throw error;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', abort);
  }
}

/** Runs a program that ends by itself; rejects with its last words unless it ends with code 0. */
export async function runChild(options: ChildOptions): Promise<void> {
  const { service } = launch(options);
  const abort = () => void service.kill();
  options.signal?.addEventListener('abort', abort, { once: true });
  if (options.signal?.aborted) abort();
  const exit = await service.exited;
  options.signal?.removeEventListener('abort', abort);
  if (exit.code !== 0) {
    throw new Explained(`${options.name} failed (${describe(exit)}): ${service.lastWords()}`);
  }
}

/** "code 1" or "SIGKILL". */
export function describe(exit: Exit): string {
  return exit.signal ?? `code ${exit.code}`;
}

function launch(options: ChildOptions): { child: ChildProcess; service: Service } {
  const log = openLog(options.log);
  // The child gets the file itself, not a pipe to us: it can still write its last lines when we are gone.
  const child = spawn(process.execPath, options.args, {
    env: { ...process.env, ...options.env },
    stdio: ['ignore', log.fd, log.fd, 'ipc'],
    detached: true,
  });
  closeSync(log.fd);
  let running = true;
  const exited = new Promise<Exit>((resolve) => {
    const end = (exit: Exit) => {
      running = false;
      resolve(exit);
    };
    child.once('exit', (code, signal) => end({ code, signal }));
    child.once('error', () => {
      if (child.pid === undefined) end({ code: 127, signal: null });
    });
  });
  const pid = child.pid ?? -1;

  const kill = async () => {
    if (running) signalGroup(pid, 'SIGKILL');
    await exited;
  };
  const stop = async () => {
    if (!running) return;
    child.kill('SIGTERM');
    const waiting = new AbortController();
    const late = sleep(options.stopTimeoutMs ?? stopTimeoutMs, undefined, { signal: waiting.signal });
    await Promise.race([exited, late]);
    waiting.abort();
    await late.catch(() => {});
    await kill();
  };
  return { child, service: { pid, exited, lastWords: log.lastWords, lastLines: log.lastLines, stop, kill } };
}

/** The group, because a guardian's server must not outlive the guardian. */
function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // ESRCH: it ended between our looking and our signalling.
  }
}

function isReady(message: unknown): message is Ready {
  return typeof message === 'object' && message !== null && (message as { type?: unknown }).type === 'ready';
}
