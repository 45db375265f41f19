/**
 * One Postgres and one Redis for the whole test run, real ones. Each stack of a test gets a database and a key prefix of
 * its own, so that files can run side by side.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { startPostgres } from '../../scripts/services/postgres.ts';
import { runChild } from '../../scripts/services/process.ts';
import { startRedis } from '../../scripts/services/redis.ts';
import { insertTestUser } from './test-user.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Any database of the shared server; `template` is one that is migrated. */
    postgresUrl: string;
    redisUrl: string;
    logDir: string;
  }
}

/** A migrated database: copying it takes a tenth of the time of migrating a new one. */
export const templateDatabase = 'template_migrated';

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  const [postgres, redis] = await Promise.all([
    startPostgres({ dataDir: join(dir, 'postgres'), fsync: false, log: join(dir, 'postgres.log') }),
    startRedis({ dataDir: join(dir, 'redis'), log: join(dir, 'redis.log') }),
  ]);
  const admin = new pg.Client({ connectionString: postgres.url });
  await admin.connect();
  await admin.query(`create database ${templateDatabase}`);
  await admin.end();
  const templateUrl = new URL(postgres.url);
  templateUrl.pathname = templateDatabase;
  await runChild({
    name: 'The migration',
    args: ['apps/api/src/migrate.ts'],
    env: { DATABASE_URL: templateUrl.href },
    log: join(dir, 'migrate.log'),
  });

  const template = new pg.Client({ connectionString: templateUrl.href });
  await template.connect();
  await insertTestUser(template);
  await template.end();

  project.provide('postgresUrl', postgres.url);
  project.provide('redisUrl', redis.url);
  project.provide('logDir', dir);
  return async () => {
    await Promise.all([postgres.stop(), redis.stop()]);
    if (process.env['HOLDFAST_KEEP_TEST_LOGS'] === undefined) rmSync(dir, { recursive: true, force: true });
  };
}
