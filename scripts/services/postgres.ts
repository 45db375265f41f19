/**
 * A Postgres for this machine, from the bundled programs: made once on its data folder, reused ever after, stopped
 * with us. Real data is written with fsync; only tests, whose data is thrown away, may go without.
 */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Explained } from './explained.ts';
import { startGuarded } from './guardian.ts';
import { endOrphan } from './orphan.ts';
import { withPort } from './ports.ts';
import { type PostgresFiles, preparePostgresFiles } from './postgres-files.ts';
import { createDatabase } from './postgres-init.ts';
import type { Child, Service } from './process.ts';

/** Recovery after a crash replays the log first; longer than this is a fault. */
const recoveryTimeoutMs = 60_000;
/** How long the backends of a killed server may take to notice that it is gone. */
const backendsEndMs = 5_000;
const pollMs = 15;
const databaseName = 'holdfast';

export interface PostgresOptions {
  /** As root its parents must be passable for others (0711 is enough), or the data is put elsewhere. */
  readonly dataDir: string;
  /** A free one when not given. */
  readonly port?: number | undefined;
  /** False only for data that may be lost. */
  readonly fsync?: boolean;
  /** The log file. */
  readonly log: string;
  readonly signal?: AbortSignal | undefined;
}

export interface Postgres extends Service {
  /** A superuser's, to the database `holdfast`. */
  readonly url: string;
  readonly port: number;
  /** Where the data really is. */
  readonly dataDir: string;
}

/** Makes the database when there is none, starts the server and resolves when it takes queries. */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const fsync = options.fsync ?? true;
  const files = preparePostgresFiles(resolve(options.dataDir), !fsync);
  if (!existsSync(join(files.dataDir, 'PG_VERSION'))) {
    await createDatabase({ files, name: databaseName, fsync, signal: options.signal });
  }
  await endLeftover(files.dataDir);
  return await withPort(options.port, async (port) => {
    const child = await launch(files, port, fsync, options);
    return {
      ...child,
      port,
      dataDir: files.dataDir,
      url: `postgresql://postgres@127.0.0.1:${port}/${databaseName}`,
    };
  });
}

async function launch(
  files: PostgresFiles,
  port: number,
  fsync: boolean,
  options: PostgresOptions,
): Promise<Child> {
  const { binDir, dataDir, identity } = files;
  const args = ['-D', dataDir, '-h', '127.0.0.1', '-k', '', '-p', String(port), '-c', 'max_connections=200'];
  // synchronous_commit stays on: without it a killed server would forget what it had confirmed.
  if (!fsync) args.push('-c', 'fsync=off', '-c', 'full_page_writes=off');
  const server = {
    command: join(binDir, 'postgres'),
    args,
    cwd: '/',
    // Fast shutdown: it ends the sessions instead of waiting for them.
    stopSignal: 'SIGINT',
    ...identity,
  } as const;
  for (const deadline = Date.now() + backendsEndMs; ; await sleep(200)) {
    const child = await startGuarded(server, { name: 'Postgres', log: options.log, signal: options.signal });
    const failure = await waitUntilReady(dataDir, child, options.signal);
    if (failure === undefined) return child;
    await child.stop();
    // After a crash the old backends hold the shared memory for an instant longer than the server lived.
    const transient = /still in use|lock file .* already exists/.test(failure);
    if (!transient || Date.now() > deadline) throw new Explained(`Postgres could not start: ${failure}`);
  }
}

/** Undefined when it takes queries, else why it does not. Reads what Postgres' own pg_ctl reads: line 8. */
async function waitUntilReady(
  dataDir: string,
  child: Child,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  let ended = false;
  void child.exited.then(() => {
    ended = true;
  });
  for (const deadline = Date.now() + recoveryTimeoutMs; ; await sleep(pollMs)) {
    const lines = readPidFile(dataDir);
    if (Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready') return undefined;
    if (ended) return reasonIn(child);
    if (signal?.aborted) return 'it was stopped while it started';
    if (Date.now() > deadline) return `it was not ready after ${recoveryTimeoutMs / 1000} s`;
  }
}

/** HINT and LOG lines follow the one that says what is wrong. */
function reasonIn(child: Child): string {
  const lines = child.lastLines(12);
  return lines.findLast((line) => /\bFATAL:/.test(line)) ?? lines.at(-1) ?? 'it wrote nothing to its log';
}

/** A stale postmaster.pid would stop the next start for good when its number now belongs to someone else. */
async function endLeftover(dataDir: string): Promise<void> {
  const pid = Number(readPidFile(dataDir)[0]);
  if (!Number.isInteger(pid) || pid <= 0) return;
  await endOrphan(pid, 'SIGINT', (line) => line.includes('postgres') && line.includes(`-D ${dataDir}`));
  rmSync(join(dataDir, 'postmaster.pid'), { force: true });
}

function readPidFile(dataDir: string): string[] {
  try {
    return readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return [];
  }
}
