/**
 * A whole Holdfast of real processes that run from any tree, each with a network of its own: a proxy before Redis and one
 * before Postgres, so that a fault can hit one process alone.
 */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { startStandIn } from '../../packages/stand-in/src/stand-in.ts';
import { type Child, startChild } from '../../scripts/services/process.ts';
import { type ChaosProxy, startChaosProxy } from '../support/chaos-proxy.ts';
import startSharedServers, { templateDatabase } from '../support/global-setup.ts';
import type { Stack } from '../support/stack.ts';

/** Postgres and Redis, one of each for all clusters. */
export interface Servers {
  readonly postgresUrl: string;
  readonly redisUrl: string;
  readonly logDir: string;
  stop(): Promise<void>;
}

/** One process of Holdfast and its two links. */
export interface Member extends Child {
  readonly redisLink: ChaosProxy;
  readonly postgresLink: ChaosProxy;
}

export interface ApiMember extends Member {
  readonly url: string;
}

export interface Cluster extends Pick<Stack, 'upstream' | 'db' | 'redis' | 'redisPrefix'> {
  readonly apis: readonly ApiMember[];
  readonly workers: readonly Member[];
  stop(): Promise<void>;
}

export interface ClusterOptions {
  readonly servers: Servers;
  /** The tree whose programs are run. */
  readonly root: string;
  readonly workers: number;
}

const apis = 2;

/** The lease is short, so that a scenario need not wait long for another worker. */
const clusterEnv = {
  WORKER_LEASE_MS: '2000',
  HEARTBEAT_MS: '2000',
  API_DRAIN_MS: '200',
  WORKER_DRAIN_MS: '500',
  UPSTREAM_IDLE_MS: '60000',
  TITLES: 'off',
  OPENAI_API_KEY: 'sk-test-canary-key',
  OPENAI_MODEL: 'stand-in',
  RUNS_PER_USER_MAX: '100',
  WAITING_RUNS_PER_USER_MAX: '100',
};

/** Those of the test run, without vitest. */
export async function startServers(): Promise<Servers> {
  const provided = new Map<string, string>();
  const provide = (name: string, value: string) => provided.set(name, value);
  const stop = await startSharedServers({ provide } as unknown as TestProject);
  const get = (name: string) => provided.get(name) ?? '';
  return { postgresUrl: get('postgresUrl'), redisUrl: get('redisUrl'), logDir: get('logDir'), stop };
}

/** Starts two API processes, workers and a provider of their own. */
export async function startCluster({ servers, root, workers }: ClusterOptions): Promise<Cluster> {
  const name = `m${randomBytes(6).toString('hex')}`;
  const databaseUrl = await createDatabase(servers, name);
  const upstream = await startStandIn({ pace: { tokensPerSecond: 200, firstTokenMs: 0, jitter: 0 } });
  const members: Member[] = [];

  async function start(kind: 'api' | 'worker', number: number): Promise<Member> {
    const [redisLink, postgresLink] = await Promise.all([linkTo(servers.redisUrl), linkTo(databaseUrl)]);
    const child = await startChild({
      name: `The ${kind}`,
      args: [join(root, `apps/${kind}/src/main.ts`)],
      env: {
        ...clusterEnv,
        PORT: '0',
        REDIS_PREFIX: name,
        OPENAI_BASE_URL: upstream.url,
        DATABASE_URL: through(postgresLink, databaseUrl),
        REDIS_URL: through(redisLink, servers.redisUrl),
        REDIS_AOF: 'optional',
        NODE_COMPILE_CACHE: join(servers.logDir, 'compiled'),
      },
      log: join(servers.logDir, `${name}-${kind}-${number}.log`),
      stopTimeoutMs: 3_000,
    });
    const member = { ...child, redisLink, postgresLink };
    members.push(member);
    return member;
  }

  const [apiMembers, workerMembers] = await Promise.all([
    Promise.all(Array.from({ length: apis }, (_, number) => start('api', number))),
    Promise.all(Array.from({ length: workers }, (_, number) => start('worker', number))),
  ]);
  const db = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  // Dropping the database ends connections that are still being closed.
  db.on('error', () => {});
  const redis = new Redis(servers.redisUrl);

  return {
    apis: apiMembers.map((member) => ({ ...member, url: String(member.ready.url) })),
    workers: workerMembers,
    upstream,
    db,
    redis,
    redisPrefix: name,
    async stop() {
      // Everything is thrown away: no need to end in order.
      await Promise.all(members.map((member) => member.kill()));
      await Promise.all(members.flatMap((member) => [member.redisLink.stop(), member.postgresLink.stop()]));
      redis.disconnect();
      await Promise.all([db.end(), upstream.stop()]);
      await asAdmin(servers, `drop database if exists "${name}" with (force)`);
    },
  };
}

function linkTo(url: string): Promise<ChaosProxy> {
  const { hostname, port } = new URL(url);
  return startChaosProxy({ target: { host: hostname, port: Number(port) } });
}

function through(link: ChaosProxy, url: string): string {
  const changed = new URL(url);
  changed.host = `127.0.0.1:${link.port}`;
  return changed.href;
}

async function asAdmin({ postgresUrl }: Servers, statement: string): Promise<void> {
  const admin = new pg.Client({ connectionString: postgresUrl });
  await admin.connect();
  try {
    await admin.query(statement);
  } finally {
    await admin.end();
  }
}

/** Another session that copies the template in the same moment makes Postgres refuse. */
const objectInUse = '55006';

async function createDatabase(servers: Servers, name: string): Promise<string> {
  for (let tries = 0; ; tries += 1) {
    try {
      await asAdmin(servers, `create database "${name}" template ${templateDatabase}`);
      break;
    } catch (error) {
      if ((error as { code?: string }).code !== objectInUse || tries === 50) throw error;
      await sleep(100);
    }
  }
  const url = new URL(servers.postgresUrl);
  url.pathname = name;
  return url.href;
}
