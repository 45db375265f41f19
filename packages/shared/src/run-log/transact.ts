import type { Redis } from 'ioredis';
import { RunLogUnavailableError } from './run-log.ts';

/** Name, in lower case, and arguments of a Redis command. */
export type RedisCommand = readonly [name: string, ...args: (string | number)[]];

/**
 * Sends commands as one transaction and resolves with their replies, in order. Throws RunLogUnavailableError when Redis
 * does not answer, or answers one of them with an error.
 */
export type Transact = (commands: readonly RedisCommand[]) => Promise<readonly unknown[]>;

/** Transactions over a connection of ioredis that others use, too. */
export function transactThrough(redis: Redis): Transact {
  return async (commands) => {
    const replies = (await whileAvailable(redis.multi(commands.map((each) => [...each])).exec())) ?? [];
    return replies.map(([error, reply]) => {
      if (error) throw new RunLogUnavailableError(error.message, { cause: error });
      return reply;
    });
  };
}

/**
 * Whatever Redis answers instead of the result (connection lost, LOADING, OOM, READONLY, a timeout) means the same to
 * the caller: not now. Each operation can be repeated, because what it writes has a fixed place.
 */
export async function whileAvailable<T>(reply: Promise<T>): Promise<T> {
  try {
    return await reply;
  } catch (error) {
    throw new RunLogUnavailableError(error instanceof Error ? error.message : String(error), {
      cause: error,
    });
  }
}
