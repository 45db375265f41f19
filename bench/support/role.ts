/** The parent's end: starts a Node program that says `ready` over IPC, and calls what it serves. */
import { type ChildProcess, fork } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';

const readyMsMax = 60_000;
const stopMsMax = 10_000;

export interface Role {
  readonly pid: number;
  /** Where it listens, when it does. */
  readonly url: string;
  /** Calls a handler of the role. Rejects with its error, or when the process ends. */
  call<T>(name: string, args?: unknown): Promise<T>;
  stop(): Promise<void>;
}

export interface RoleOptions {
  readonly name: string;
  readonly file: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Options of node itself. */
  readonly nodeArgs?: readonly string[];
  readonly log: string;
}

interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** Starts a role and resolves when it is ready. */
export async function startRole(options: RoleOptions): Promise<Role> {
  const log = openSync(options.log, 'a');
  const child = fork(options.file, [], {
    env: { ...process.env, ...options.env },
    execArgv: [...(options.nodeArgs ?? [])],
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  const calls = new Map<number, PromiseWithResolvers<unknown>>();
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  void exited.then(() => {
    for (const call of calls.values())
      call.reject(new Error(`${options.name} ended: ${lastWords(options.log)}`));
  });
  const url = await whenReady(child, options);
  let calledLast = 0;
  child.on('message', (reply: Reply) => {
    const call = calls.get(reply.id);
    calls.delete(reply.id);
    if (reply.error === undefined) call?.resolve(reply.result);
    else call?.reject(new Error(`${options.name}: ${reply.error}`));
  });
  return {
    pid: child.pid ?? -1,
    url,
    call<T>(name: string, args: unknown = null) {
      const id = ++calledLast;
      const call = Promise.withResolvers<unknown>();
      calls.set(id, call);
      child.send({ id, call: name, args });
      return call.promise as Promise<T>;
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const late = setTimeout(() => child.kill('SIGKILL'), stopMsMax);
      await exited;
      clearTimeout(late);
    },
  };
}

function whenReady(child: ChildProcess, options: RoleOptions): Promise<string> {
  const ready = Promise.withResolvers<string>();
  const late = setTimeout(() => {
    child.kill('SIGKILL');
    ready.reject(new Error(`${options.name} was not ready in time: ${lastWords(options.log)}`));
  }, readyMsMax);
  child.once('message', (message: { type?: string; url?: string }) => {
    if (message.type === 'ready') ready.resolve(message.url ?? '');
  });
  child.once('exit', () =>
    ready.reject(new Error(`${options.name} ended at its start: ${lastWords(options.log)}`)),
  );
  return ready.promise.finally(() => clearTimeout(late));
}

/** The end of its log. */
function lastWords(log: string): string {
  return readFileSync(log, 'utf8').trim().split('\n').slice(-3).join(' | ').slice(-600);
}
