/**
 * Attempts at something that may be guessed or multiplied, counted in Redis: all API processes count together. A window
 * begins with its first attempt and is forgotten when it is over.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import { AppError } from '../errors.ts';

/** One counter. `of`: whose attempts, for example an address; it is stored as a hash only. */
export interface AttemptWindow {
  readonly kind: string;
  readonly of: string;
  readonly attemptsMax: number;
  readonly windowMs: number;
}

export interface Attempts {
  /**
   * Counts an attempt in all of these windows before it is made, so that parallel ones cannot pass together. Throws
   * `rate_limited`, and then has counted nothing, or `queue_unavailable`: what cannot be counted is not allowed.
   */
  take(windows: readonly AttemptWindow[]): Promise<void>;
  /** Takes one back that turned out to be welcome. Never throws: one attempt fewer is left, that is all. */
  giveBack(windows: readonly AttemptWindow[]): Promise<void>;
}

const script = (file: string): string => readFileSync(new URL(file, import.meta.url), 'utf8');

type Counter = (...args: (string | number)[]) => Promise<number>;

/** `prefix`: first part of every key. */
export function createAttempts(redis: Redis, prefix: string): Attempts {
  redis.defineCommand('holdfast:takeAttempts', { lua: script('take-attempts.lua') });
  redis.defineCommand('holdfast:giveBackAttempts', { lua: script('give-back.lua') });
  const command = (name: string): Counter => (Reflect.get(redis, name) as Counter).bind(redis);
  const take = command('holdfast:takeAttempts');
  const giveBack = command('holdfast:giveBackAttempts');

  /** The braces put all counters into one slot of a cluster, so that one script may touch several. */
  const keyOf = ({ kind, of }: AttemptWindow): string =>
    `{${prefix}:attempts}:${kind}:${createHash('sha256').update(of).digest('base64url')}`;

  return {
    async take(windows) {
      let waitMs: number;
      try {
        waitMs = await take(
          windows.length,
          ...windows.map(keyOf),
          ...windows.flatMap(({ attemptsMax, windowMs }) => [attemptsMax, windowMs]),
        );
      } catch (cause) {
        throw new AppError('queue_unavailable', {
          detail: 'This cannot be done at the moment. Nothing was changed; try again.',
          retryAfterSeconds: 2,
          cause,
        });
      }
      if (waitMs > 0) {
        throw new AppError('rate_limited', {
          detail: 'There were too many attempts. Wait for the time in Retry-After, then try again.',
          retryAfterSeconds: Math.ceil(waitMs / 1000),
        });
      }
    },
    async giveBack(windows) {
      await giveBack(windows.length, ...windows.map(keyOf)).catch(() => {});
    },
  };
}
