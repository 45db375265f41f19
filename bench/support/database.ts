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
