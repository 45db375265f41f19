/** All that the two stores hold of one stack, as text: for looking whether something stands there that must not. */
import type { Stack } from '../support/stack.ts';

/** Every key of the shared Redis that is this stack's, and queue keys, whose names have its prefix, too: with all values. */
export async function dumpOfRedis(stack: Stack): Promise<string> {
  const parts: string[] = [];
  for await (const keys of stack.redis.scanStream({ match: `*${stack.redisPrefix}*`, count: 1_000 })) {
    for (const key of keys as string[]) {
      const dump = await stack.redis.dumpBuffer(key);
      // What DUMP compresses would hide a secret: short values are stored as they are, long ones are read.
      const type = await stack.redis.type(key);
      const values =
        type === 'hash'
          ? await stack.redis.hgetall(key)
          : type === 'stream'
            ? await stack.redis.xrange(key, '-', '+')
            : '';
      parts.push(key, dump?.toString('latin1') ?? '', JSON.stringify(values));
    }
  }
  return parts.join('\n');
}

/** Every row of every table. */
export async function dumpOfPostgres(stack: Stack): Promise<string> {
  const { rows: tables } = await stack.db.query<{ tablename: string }>(
    `select tablename from pg_tables where schemaname = 'public'`,
  );
  const parts: string[] = [];
  for (const { tablename } of tables) {
    const { rows } = await stack.db.query<{ row: string }>(
      `select each::text as row from "${tablename}" each`,
    );
    parts.push(...rows.map(({ row }) => row));
  }
  return parts.join('\n');
}
