import type { Redis } from 'ioredis';
import { runKeys } from './keys.ts';

/** Removes the logs of runs that have ended and that nobody may read any more. Rejects when Redis does not answer. */
export async function forgetLogs(redis: Redis, prefix: string, runIds: readonly string[]): Promise<void> {
  // One command per run: on a cluster, keys of different runs lie in different places.
  await Promise.all(
    runIds.map((runId) => {
      const { log, meta } = runKeys(prefix, runId);
      return redis.unlink(log, meta);
    }),
  );
}
