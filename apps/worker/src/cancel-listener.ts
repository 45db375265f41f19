import { cancelChannel } from '@holdfast/shared/run-log/keys.ts';
import type { Redis } from 'ioredis';

/**
 * Calls `onCancel` with the id of each run that somebody wants stopped, wherever it is held. Only a nudge: one that is
 * lost is made good by the next append or lease renewal. `redis` must be used for nothing else. Waits for Redis.
 */
export async function listenForCancels(
  { redis, prefix }: { redis: Redis; prefix: string },
  onCancel: (runId: string) => void,
): Promise<void> {
  redis.on('message', (_channel: string, runId: string) => onCancel(runId));
  await redis.subscribe(cancelChannel(prefix));
}
