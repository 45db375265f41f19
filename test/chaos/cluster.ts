/**
 * A whole Holdfast of its own: Postgres, Redis, a stand-in provider, API processes and workers that are started again
 * when they end, and a proxy on each link.
 */
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { type StandIn, startStandIn } from '../../packages/stand-in/src/stand-in.ts';
import { runChild, startChild } from '../../scripts/services/process.ts';
import type { Kept } from '../support/many-users/read-tree.ts';
import { type Keeper, keep } from './keeper.ts';
import { allOf, heal, type Links, startLinks } from './links.ts';
import { type Stores, startStores } from './stores.ts';

const apiCount = 2;
const workerCount = 3;
const host = '127.0.0.1';
/** Longest time in which all of it is up again after the last fault. */
const upMsMax = 60_000;
/** A user's; small, so that runs wait and the queue has something to do. */
export const userLimits = { runsMax: 3, waitingRunsMax: 8 };

const env = {
  WORKER_LEASE_MS: '2000',
  HEARTBEAT_MS: '2000',
  API_DRAIN_MS: '300',
  WORKER_DRAIN_MS: '700',
  // Shorter than stalls of the provider, so that a worker gives up before they are healed.
  UPSTREAM_IDLE_MS: '3000',
  LOG_LEVEL: 'info',
  TITLES: 'on',
  RUNS_PER_USER_MAX: `${userLimits.runsMax}`,
  WAITING_RUNS_PER_USER_MAX: `${userLimits.waitingRunsMax}`,
  REQUESTS_PER_USER_PER_MINUTE: '10000000',
  REQUESTS_PER_ADDRESS_PER_MINUTE: '10000000',
  EVENT_CONNECTIONS_PER_USER_MAX: '10000',
  GUESTS_PER_ADDRESS: '10000',
  OPENAI_API_KEY: 'sk-chaos-canary-key',
  OPENAI_MODEL: 'stand-in',
  REDIS_PREFIX: 'chaos',
};

export interface Cluster {
  readonly stores: Stores;
  readonly upstream: StandIn;
  readonly links: Links;
  readonly apis: readonly Keeper[];
  readonly workers: readonly Keeper[];
  /** Where clients reach the API processes: their proxies. */
  readonly bases: readonly string[];
  /** Past all proxies. */
  readonly db: pg.Pool;
  /** Makes all links whole and waits until all processes are up; false: not in a minute. */
  heal(): Promise<boolean>;
  /** What is kept in the end, for readTree. */
  kept(): Kept;
  /** Ends everything at once. Nothing of it is left behind. */
  stop(): Promise<void>;
}

/** Starts it, with data and logs in `dir`. */
export async function startCluster(dir: string): Promise<Cluster> {
  const stores = await startStores(dir);
  const upstream = await startStandIn();
  const databaseUrl = new URL(stores.postgres().url);
  await runChild({
    name: 'The migration',
    args: ['apps/api/src/migrate.ts'],
    env: { DATABASE_URL: databaseUrl.href },
    log: join(dir, 'migrate.log'),
  });
  const links = await startLinks({
    apis: apiCount,
    workers: workerCount,
    redis: { host, port: stores.redis().port },
    postgres: { host, port: stores.postgres().port },
    upstream: { host, port: Number(new URL(upstream.url).port) },
  });

  const through = (proxy: { readonly port: number } | undefined, url: string): string => {
    const changed = new URL(url);
    changed.port = String(proxy?.port);
    return changed.href;
  };
  const start = (kind: 'api' | 'worker', index: number, extra: Readonly<Record<string, string>>) =>
    keep(
      `${kind} ${index}`,
      (signal) =>
        startChild({
          name: `${kind} ${index}`,
          args: [`apps/${kind}/src/main.ts`],
          env: {
            ...env,
            // Each start would compile the same modules: half of its time.
            NODE_COMPILE_CACHE: join(dir, 'compiled'),
            DATABASE_URL: through(links[`${kind}-postgres`][index], databaseUrl.href),
            REDIS_URL: through(links[`${kind}-redis`][index], stores.redis().url),
            // Where there is no native Redis, what it had is lost when it is killed: one fault more to survive.
            REDIS_AOF: 'optional',
            ...extra,
          },
          log: join(dir, `${kind}-${index}.log`),
          signal,
        }),
      (child) => {
        // Another process, another port, the same address for its clients.
        if (child.ready.url !== undefined)
          links['client-api'][index]?.retarget({ host, port: Number(new URL(child.ready.url).port) });
      },
    );
  const apis = Array.from({ length: apiCount }, (_, index) => start('api', index, { PORT: '0' }));
  const workers = Array.from({ length: workerCount }, (_, index) =>
    start('worker', index, { OPENAI_BASE_URL: through(links['worker-upstream'][index], upstream.url) }),
  );
  const db = new pg.Pool({ connectionString: databaseUrl.href, max: 2 });
  db.on('error', () => {}); // Postgres is killed on purpose
  const redis = new Redis(stores.redis().url, { lazyConnect: true, retryStrategy: () => 200 });
  redis.on('error', () => {});
  const keepers = [...apis, ...workers];
  const areUp = async () =>
    (await Promise.all(keepers.map((keeper) => keeper.up(upMsMax)))).every((child) => child !== null);
  const pids = (of: readonly Keeper[]) => of.flatMap((keeper) => keeper.current() ?? []);

  const cluster: Cluster = {
    stores,
    upstream,
    links,
    apis,
    workers,
    bases: links['client-api'].map((proxy) => proxy.url()),
    db,
    async heal() {
      await Promise.all(allOf(links).map(heal));
      return areUp();
    },
    kept: () => ({
      db,
      redis,
      redisPrefix: env.REDIS_PREFIX,
      apis: pids(apis),
      workers: pids(workers),
      upstream,
    }),
    async stop() {
      redis.disconnect();
      await Promise.all(keepers.map((keeper) => keeper.stop()));
      await Promise.all([db.end().catch(() => {}), ...allOf(links).map((proxy) => proxy.stop())]);
      await Promise.all([upstream.stop(), stores.stop()]);
    },
  };
  if (await areUp()) return cluster;
  await cluster.stop();
  throw new Error(`not all processes came up; their logs are in ${dir}`);
}
