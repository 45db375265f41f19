import { type MigrationProvider, Migrator } from 'kysely/migration';
import type { Store } from './database.ts';
import * as spine from './migrations/0001-spine.ts';

/** Every migration, oldest first. They only ever go forward; a released one is never edited. */
const migrations: MigrationProvider = {
  async getMigrations() {
    return { '0001-spine': spine };
  },
};

/**
 * Brings the tables up to date and returns the names of the migrations that it applied. Safe when several processes
 * start at once: Kysely takes a lock and the others find the work done. Throws the error of the one that failed; each
 * migration is one transaction, so nothing is half applied.
 */
export async function migrate(db: Store): Promise<string[]> {
  const { error, results = [] } = await new Migrator({ db, provider: migrations }).migrateToLatest();
  if (error) throw error;
  return results.map((result) => result.migrationName);
}
