/**
 * A whole Holdfast of real processes for one test file: API processes, workers, a stand-in model provider, a database
 * and a Redis prefix of its own.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import pg from 'pg';
import { inject } from 'vitest';
import { type StandIn, startStandIn } from '../../packages/stand-in/src/stand-in.ts';
import { type Child, startChild } from '../../scripts/services/process.ts';
import { templateDatabase } from './global-setup.ts';

/** Fast enough that tests need not wait, slow enough for a busy machine. */
const testEnv = {
  WORKER_LEASE_MS: '2000',
  HEARTBEAT_MS: '2000',
  API_DRAIN_MS: '200',
  WORKER_DRAIN_MS: '500',
  UPSTREAM_IDLE_MS: '5000',
  LOG_LEVEL: 'info',
  // The Redis of a machine without one has no append-only file.
  REDIS_AOF: 'optional',
  // Tests count what the provider is asked.
  TITLES: 'off',
  // Only the tests of these limits are to meet them.
  REQUESTS_PER_USER_PER_MINUTE: '10000000',
  REQUESTS_PER_ADDRESS_PER_MINUTE: '10000000',
  EVENT_CONNECTIONS_PER_USER_MAX: '10000',
  EVENT_CONNECTIONS_PER_ADDRESS_MAX: '10000',
  LOGIN_ATTEMPTS: '10000',
  LOGIN_ATTEMPTS_PER_ADDRESS: '10000',
  LOGIN_ATTEMPTS_PER_ACCOUNT: '10000',
  REGISTRATIONS_PER_ADDRESS: '10000',
  GUESTS_PER_ADDRESS: '10000',
  RUNS_PER_USER_MAX: '1000',
};

export interface ApiProcess extends Child {
  readonly url: string;
}

export interface StackOptions {
  readonly apis?: number;
  readonly workers?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Instead of the shared one, for tests that break it or stand between. */
  readonly redisUrl?: string;
  readonly postgresUrl?: (ownDatabaseUrl: string) => string;
}

export interface Stack {
  readonly apis: readonly ApiProcess[];
  readonly workers: readonly Child[];
  readonly upstream: StandIn;
  readonly db: pg.Pool;
  readonly redis: Redis;
  readonly redisPrefix: string;
  readonly env: Readonly<Record<string, string>>;
  startApi(env?: Record<string, string>): Promise<ApiProcess>;
  startWorker(env?: Record<string, string>): Promise<Child>;
  stop(): Promise<void>;
}

let instances = 0;

/** Starts a stack; call `stop` in `afterAll`. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const name = `t${process.pid}_${instances++}_${randomBytes(3).toString('hex')}`;
  const databaseUrl = await createDatabase(name);
  const upstream = await startStandIn({ pace: { tokensPerSecond: 200, firstTokenMs: 0, jitter: 0 } });
  const redisUrl = options.redisUrl ?? inject('redisUrl');
  const redisPrefix = name.replaceAll('_', '-');
  const env = {
    ...testEnv,
    DATABASE_URL: options.postgresUrl?.(databaseUrl) ?? databaseUrl,
    REDIS_URL: redisUrl,
    REDIS_PREFIX: redisPrefix,
    OPENAI_BASE_URL: upstream.url,
    OPENAI_API_KEY: 'sk-test-canary-key',
    OPENAI_MODEL: 'stand-in',
    // Of the two hundred processes that the tests start, each would compile the same modules: half of its start.
    NODE_COMPILE_CACHE: join(inject('logDir'), 'compiled'),
    ...options.env,
  };
  const children: Child[] = [];
  const logOf = (kind: string) => join(inject('logDir'), `${name}-${kind}-${children.length}.log`);

  async function start(kind: string, args: string[], extraEnv: Record<string, string>): Promise<Child> {
    const child = await startChild({
      name: `The ${kind}`,
      args,
      env: { ...env, ...extraEnv },
      log: logOf(kind),
      stopTimeoutMs: 20_000,
    });
    children.push(child);
    return child;
  }
  const startApi = async (extraEnv: Record<string, string> = {}): Promise<ApiProcess> => {
    const child = await start('API', ['apps/api/src/main.ts'], { PORT: '0', ...extraEnv });
    return { ...child, url: String(child.ready.url) };
  };
  const startWorker = (extraEnv: Record<string, string> = {}) =>
    start('worker', ['apps/worker/src/main.ts'], extraEnv);

  const [apis, workers] = await Promise.all([
    Promise.all(Array.from({ length: options.apis ?? 1 }, () => startApi())),
    Promise.all(Array.from({ length: options.workers ?? 1 }, () => startWorker())),
  ]);
  const db = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  // `end` does not wait for the connections to be closed, and dropping the database then ends them the hard way.
  db.on('error', () => {});
  const redis = new Redis(inject('redisUrl'), { lazyConnect: true });

  return {
    apis,
    workers,
    upstream,
    db,
    redis,
    redisPrefix,
    env,
    startApi,
    startWorker,
    async stop() {
      await Promise.all(children.map((child) => child.stop()));
      redis.disconnect();
      await Promise.all([db.end(), upstream.stop()]);
      await dropDatabase(name);
    },
  };
}

async function asAdmin(statement: string): Promise<void> {
  const admin = new pg.Client({ connectionString: inject('postgresUrl') });
  await admin.connect();
  try {
    await admin.query(statement);
  } finally {
    await admin.end();
  }
}

/** Two files that copy the template in the same moment disturb each other: Postgres wants it to itself. */
async function createDatabase(name: string): Promise<string> {
  for (let tries = 0; ; tries += 1) {
    try {
      await asAdmin(`create database "${name}" template ${templateDatabase}`);
      break;
    } catch (error) {
      if ((error as { code?: string }).code !== '55006' || tries === 50) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  const url = new URL(inject('postgresUrl'));
  url.pathname = name;
  return url.href;
}

async function dropDatabase(name: string): Promise<void> {
  await asAdmin(`drop database if exists "${name}" with (force)`);
}
