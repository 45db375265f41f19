import { Migrator } from 'kysely/migration';
import type { Store } from './database.ts';
import * as spine from './migrations/0001-spine.ts';
import * as accounts from './migrations/0002-accounts.ts';
import * as sharing from './migrations/0003-sharing.ts';
import * as fairQueue from './migrations/0004-fair-queue.ts';
import * as liveSync from './migrations/0005-live-sync.ts';
import * as usage from './migrations/0006-usage.ts';
import * as search from './migrations/0007-search.ts';
import * as continued from './migrations/0008-continue.ts';

/** Every migration, oldest first. They only ever go forward; a released one is never edited. */
const migrations = {
  '0001-spine': spine,
  '0002-accounts': accounts,
  '0003-sharing': sharing,
  '0004-fair-queue': fairQueue,
  '0005-live-sync': liveSync,
  '0006-usage': usage,
  '0007-search': search,
  '0008-continue': continued,
};

/** The name of the migration that this release needs, with all those before it. */
export const newestMigration = Object.keys(migrations).at(-1) ?? '';

/**
 * Brings the tables up to date and returns the names of the migrations that it applied. Safe when several processes
 * start at once: Kysely takes a lock and the others find the work done. Throws the error of the one that failed; each
 * migration is one transaction, so nothing is half applied. `upTo`: the last one to apply, for tests of upgrades.
 */
export async function migrate(db: Store, upTo?: string): Promise<string[]> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => migrations } });
  const { error, results = [] } = await (upTo === undefined
    ? migrator.migrateToLatest()
    : migrator.migrateTo(upTo));
  if (error) throw error;
  return results.map((result) => result.migrationName);
}
