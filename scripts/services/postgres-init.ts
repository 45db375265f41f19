import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Explained } from './explained.ts';
import { giveTo, type PostgresFiles } from './postgres-files.ts';

export interface CreateOptions {
  readonly files: PostgresFiles;
  readonly name: string;
  readonly fsync: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Makes a new data folder that holds one empty database; without a server, so it needs no port. */
export async function createDatabase({ files, name, fsync, signal }: CreateOptions): Promise<void> {
  // Made beside and renamed: a folder that holds PG_VERSION is whole, and an interrupted one is made anew.
  const partial = `${files.dataDir}.new`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true, mode: 0o700 });
  giveTo(files.identity, partial);
  const options = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-instructions'];
  const locale = ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  await run(
    files,
    'initdb',
    ['-D', partial, ...options, ...locale, ...(fsync ? [] : ['--no-sync'])],
    '',
    signal,
  );
  const single = ['--single', ...(fsync ? [] : ['-c', 'fsync=off']), '-D', partial, 'postgres'];
  await run(files, 'postgres', single, `create database ${name}\n`, signal);
  rmSync(files.dataDir, { recursive: true, force: true });
  renameSync(partial, files.dataDir);
}

/** Runs one of the programs to its end. A single-user server reports a failed statement only in its output. */
async function run(
  files: PostgresFiles,
  program: string,
  args: string[],
  input: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const child = spawn(join(files.binDir, program), args, {
    ...files.identity,
    cwd: '/',
    env: { ...process.env, LC_ALL: 'C' },
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true, // or Ctrl-C would reach it before us, and look like a failure
  });
  const abort = () => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL');
  signal?.addEventListener('abort', abort, { once: true });
  if (signal?.aborted) abort();
  child.stdin.on('error', () => {}); // it ended before it read; its exit tells why
  child.stdin.end(input);
  try {
    const [errors, [code]] = await Promise.all([
      text(child.stderr),
      once(child, 'close') as Promise<[number | null]>,
    ]);
    if (code === 0 && !/\b(ERROR|FATAL|PANIC):/.test(errors)) return;
    const lines = errors.trim().split('\n');
    throw new Error(lines.findLast((line) => /error|FATAL|PANIC/i.test(line)) ?? lines.at(-1));
  } catch (error) {
    throw new Explained(`The database could not be made in ${files.dataDir}: ${(error as Error).message}`);
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}
