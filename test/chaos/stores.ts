/** The Redis and the Postgres of the cluster, and what is done to them. */
import { readdirSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Postgres, startPostgres } from '../../scripts/services/postgres.ts';
import { type Redis, startRedis } from '../../scripts/services/redis.ts';
import { redisCommand } from '../../scripts/services/redis-wire.ts';

const flushMsMax = 10_000;
/** The most that is cut off an append-only file: some seconds of this load. */
const truncatedBytesMax = 200_000;

export interface Stores {
  redis(): Redis;
  postgres(): Postgres;
  /** Kills Redis, damages what it left if asked to, and starts it again. */
  killRedis(downMs: number, damage?: () => void): Promise<void>;
  /** Empties it. */
  flushRedis(): Promise<void>;
  /** Takes the end of the append-only file away, as a crash of the machine may. Returns the number of bytes. */
  truncate(strength: number): number;
  /** `kill`: as a crash would; otherwise it is shut down. */
  restartPostgres(downMs: number, kill: boolean): Promise<void>;
  stop(): Promise<void>;
}

/** Starts both, with their data in `dir`. */
export async function startStores(dir: string): Promise<Stores> {
  const redisFiles = { dataDir: join(dir, 'redis'), log: join(dir, 'redis.log') };
  const postgresFiles = { dataDir: join(dir, 'postgres'), log: join(dir, 'postgres.log'), fsync: false };
  let redis = await startRedis(redisFiles);
  let postgres = await startPostgres(postgresFiles).catch(async (error: unknown) => {
    await redis.stop();
    throw error;
  });
  /** Nothing is started again then: a fault may still be under way when a run is broken off. */
  let isOver = false;
  return {
    redis: () => redis,
    postgres: () => postgres,
    async killRedis(downMs, damage = () => {}) {
      const { port } = redis;
      await redis.kill();
      damage();
      await sleep(downMs);
      if (!isOver) redis = await startRedis({ ...redisFiles, port });
    },
    async flushRedis() {
      await redisCommand(redis.port, 'FLUSHALL', flushMsMax);
    },
    truncate(strength) {
      const file = appendOnlyFile(redisFiles.dataDir);
      if (file === null) return 0;
      const { size } = statSync(file);
      const cut = Math.min(size, Math.ceil(strength * truncatedBytesMax));
      truncateSync(file, size - cut);
      return cut;
    },
    async restartPostgres(downMs, kill) {
      const { port } = postgres;
      await (kill ? postgres.kill() : postgres.stop());
      await sleep(downMs);
      if (!isOver) postgres = await startPostgres({ ...postgresFiles, port });
    },
    async stop() {
      isOver = true;
      await Promise.all([redis.kill(), postgres.stop()]);
    },
  };
}

/** The part that is written now. After FLUSHALL there are several: only the manifest tells which one counts. */
function appendOnlyFile(dataDir: string): string | null {
  const folder = join(dataDir, 'appendonlydir');
  try {
    const manifest = readdirSync(folder).find((name) => name.endsWith('.manifest'));
    const lines = readFileSync(join(folder, manifest ?? ''), 'utf8').split('\n');
    const name = lines
      .map((line) => /^file (\S+) .*type i/.exec(line)?.[1])
      .findLast((each) => each !== undefined);
    return name === undefined ? null : join(folder, name);
  } catch {
    return null; // a build without such a file
  }
}
