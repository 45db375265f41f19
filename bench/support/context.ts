/**
 * What a measurement is given: a Redis of its own, a database for the whole run, roles, and the load client. All that
 * was started for one measurement ends with it, so that no side inherits another one's memory or connections.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Redis, startRedis } from '../../scripts/services/redis.ts';
import { copyDatabase } from './database.ts';
import { type Role, type RoleOptions, startRole } from './role.ts';

export interface Context {
  /** Shorter and smaller, to see whether it works; its numbers mean nothing. */
  readonly quick: boolean;
  /** A migrated database with the test user and nothing else; a new one for each measurement. */
  readonly databaseUrl: string;
  readonly postgresPid: number;
  /** Folder for logs. */
  readonly dir: string;
  /** The Redis of this measurement, empty when it is first asked for; append-only file on, synced every second. */
  redis(): Promise<Redis>;
  /** Starts a program of bench/roles, or a process of the product, and ends it with the measurement. */
  role(options: Omit<RoleOptions, 'log'>): Promise<Role>;
  /** Something to be ended with the measurement. */
  onEnd(end: () => unknown): void;
}

export interface ContextOptions {
  readonly quick: boolean;
  /** The one that is copied for each measurement. */
  readonly databaseUrl: string;
  readonly postgresPid: number;
  readonly dir: string;
}

/** Runs one measurement in a context of its own. */
export async function withContext<T>(
  options: ContextOptions,
  measure: (context: Context) => Promise<T>,
): Promise<T> {
  const ends: (() => unknown)[] = [];
  mkdirSync(options.dir, { recursive: true });
  let redis: Promise<Redis> | undefined;
  const database = await copyDatabase(options.databaseUrl);
  const context: Context = {
    ...options,
    databaseUrl: database.url,
    redis() {
      redis ??= startRedis({
        dataDir: join(options.dir, 'redis'),
        log: join(options.dir, 'redis.log'),
        prefer: 'native',
      });
      return redis;
    },
    async role(roleOptions) {
      const log = join(options.dir, `${roleOptions.name.replaceAll(/\W+/g, '-')}.log`);
      const role = await startRole({ ...roleOptions, log });
      ends.push(() => role.stop());
      return role;
    },
    onEnd(end) {
      ends.push(end);
    },
  };
  try {
    return await measure(context);
  } finally {
    // Servers after those who use them.
    await Promise.allSettled(ends.map((end) => end()));
    await (await redis)?.stop();
    await database.drop();
  }
}
