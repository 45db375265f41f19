import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { Redis } from 'ioredis';

/** The Lua script in `file`, which takes any number of keys and returns numbers. */
export function defineScript(
  redis: Redis,
  file: URL,
): (keys: readonly string[], args: readonly (string | number)[]) => Promise<number[]> {
  const command = `holdfast:${basename(file.pathname, '.lua')}`;
  redis.defineCommand(command, { lua: readFileSync(file, 'utf8') });
  const call = (Reflect.get(redis, command) as (...args: unknown[]) => Promise<number[]>).bind(redis);
  return (keys, args) => call(keys.length, ...keys, ...args);
}
