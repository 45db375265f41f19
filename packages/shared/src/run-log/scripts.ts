/** The Lua scripts of the run log, over either kind of connection. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';
import type { LeanConnection } from './lean-connection.ts';
import { RunLogUnavailableError } from './run-log.ts';
import { whileAvailable } from './transact.ts';

/** Runs a script; throws RunLogUnavailableError when Redis does not answer, or answers with an error. */
export type Script = (keys: readonly string[], args: readonly (string | number)[]) => Promise<unknown>;

/** Makes the script `lua/<name>.lua`. */
export type DefineScript = (name: string) => Script;

const luaOf = (name: string): string => readFileSync(new URL(`./lua/${name}.lua`, import.meta.url), 'utf8');

/** Scripts over a connection of ioredis, which falls back to EVAL when Redis has forgotten them. */
export function scriptsThrough(redis: Redis): DefineScript {
  return (name) => {
    const command = `holdfast:${name}`;
    redis.defineCommand(command, { lua: luaOf(name) });
    const call = Reflect.get(redis, command) as (...args: unknown[]) => Promise<unknown>;
    return (keys, args) => whileAvailable(call.call(redis, keys.length, ...keys, ...args));
  };
}

/** The same over a lean connection: what ioredis does with each argument costs more than sending it. */
export function leanScriptsThrough(connection: LeanConnection): DefineScript {
  return (name) => {
    const lua = luaOf(name);
    const sha = createHash('sha1').update(lua).digest('hex');
    return async (keys, args) => {
      try {
        return await connection.send([['evalsha', sha, keys.length, ...keys, ...args]], 1);
      } catch (error) {
        const forgotten = error instanceof RunLogUnavailableError && error.message.startsWith('NOSCRIPT');
        if (!forgotten) throw error;
        return await connection.send([['eval', lua, keys.length, ...keys, ...args]], 1);
      }
    };
  };
}
