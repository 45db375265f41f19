/** One Postgres for a run of the bench: migrated, with the test user. */
import { join } from 'node:path';
import pg from 'pg';
import { type Postgres, startPostgres } from '../../scripts/services/postgres.ts';
import { runChild } from '../../scripts/services/process.ts';
import { insertTestUser } from '../../test/support/test-user.ts';

/** Starts it below `dir`; the caller stops it. */
export async function prepareDatabase(dir: string): Promise<Postgres> {
  const postgres = await startPostgres({ dataDir: join(dir, 'postgres'), log: join(dir, 'postgres.log') });
  try {
    await runChild({
      name: 'The migration',
      args: ['apps/api/src/migrate.ts'],
      env: { DATABASE_URL: postgres.url },
      log: join(dir, 'migrate.log'),
    });
    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    await insertTestUser(client);
    await client.end();
    return postgres;
  } catch (error) {
    await postgres.stop();
    throw error;
  }
}

let copies = 0;

/**
 * A copy of the migrated database, so that no measurement finds the answers of an earlier one. Resolves with its address
 * and with what removes it.
 */
export async function copyDatabase(url: string): Promise<{ url: string; drop: () => Promise<void> }> {
  copies += 1;
  const copy = new URL(url);
  const template = copy.pathname.slice(1);
  const name = `measurement_${copies}`;
  copy.pathname = name;
  await asAdmin(url, `create database ${name} template ${template}`);
  return { url: copy.href, drop: () => asAdmin(url, `drop database ${name} with (force)`) };
}

/** A database that is copied must have no other connections: ours goes to another one. */
async function asAdmin(url: string, statement: string): Promise<void> {
  const admin = new URL(url);
  admin.pathname = 'postgres';
  const client = new pg.Client({ connectionString: admin.href });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
