import { sql } from 'kysely';
import type { Store } from './database.ts';
import { newestMigration } from './migrate.ts';

/** Oldest Postgres that this is tested to need: 14 has everything the queries use. */
const serverVersionMin = 140_000;

/**
 * Says in one sentence why this release cannot work with the database, or null. A database that a later release has
 * migrated is welcome: in an upgrade the migration comes first. Throws when Postgres cannot be reached.
 */
export async function databaseFault(db: Store): Promise<string | null> {
  const { rows } = await sql<{ version: number; migrated: boolean }>`
    select current_setting('server_version_num')::int as version,
      to_regclass('kysely_migration') is not null as migrated
  `.execute(db);
  const { version, migrated } = rows[0] ?? { version: 0, migrated: false };
  if (version < serverVersionMin) return `Postgres is too old (${version}): use version 14 or later.`;
  if (!migrated) return 'The database has no tables yet: run `npm run migrate` first.';
  const newest = await sql`select 1 from kysely_migration where name = ${newestMigration}`.execute(db);
  // Without this, the first request that needs what is missing would fail, and each one after it.
  if (newest.rows.length === 0)
    return 'The database is older than this release: run `npm run migrate` first.';
  return null;
}
