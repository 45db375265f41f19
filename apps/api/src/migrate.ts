/** Brings the database up to date, and exits. */
import { createLogger } from '@holdfast/shared/logger.ts';
import { orExit } from '@holdfast/shared/process.ts';
import { connectDatabase } from '@holdfast/shared/store/database.ts';
import { migrate } from '@holdfast/shared/store/migrate.ts';
import { readMigrateConfig } from './config.ts';

const config = await orExit('', async () => readMigrateConfig());
const logger = createLogger('migrate', config.logLevel);
const store = connectDatabase({
  url: config.databaseUrl,
  connectionsMax: 2,
  // Tables may be large, and whoever starts while another one migrates waits for it.
  queryMsMax: 0,
  applicationName: 'holdfast-migrate',
  onIdleError: (error) => logger.warn({ err: error }, 'a Postgres connection broke'),
});

await orExit('The database cannot be migrated (DATABASE_URL)', async () => {
  const applied = await migrate(store);
  logger.info({ applied }, applied.length > 0 ? 'migrated' : 'nothing to migrate');
  return null;
});
await store.destroy();
