/** The sides of a fan-out, events to readers: each is a producer, a server and the Redis between them. */
import { testUser } from '../../test/support/test-user.ts';
import type { Context } from './context.ts';
import { insertRunningRuns, redisPrefix, startApi } from './holdfast.ts';
import { cpuMs } from './processes.ts';
import type { Role } from './role.ts';

export interface ClientStats {
  readonly events: number;
  readonly chunks: number;
  readonly bytes: number;
  readonly disorders: number;
  readonly refusals: number;
  readonly readers: number;
  /** Milliseconds from the making of an event to its arrival. */
  readonly p50: number;
  readonly p99: number;
}

export interface FanOut {
  readonly client: Role;
  /** Takes `rate` and `fill`; the same process as the server where nothing stands between. */
  readonly producer: Role;
  readonly server: Role;
  /** CPU of each process but the client's so far, with what it started, in ms. */
  cpuMs(): Record<string, number>;
}

export interface FanOutOptions {
  readonly answers: number;
  /** How many of them, the first ones, go on by the schedule; default all. */
  readonly live?: number;
  readonly bytesPerEvent?: number;
}

export type StartFanOut = (context: Context, options: FanOutOptions) => Promise<FanOut>;

const rolePath = (name: string) => new URL(`../roles/${name}.ts`, import.meta.url).pathname;

async function startPeer(
  context: Context,
  server: string,
  options: FanOutOptions,
  producer: string | null,
  env: Record<string, string> = {},
): Promise<FanOut> {
  const redis = server === 'bare-server' || server === 'durable-server' ? null : await context.redis();
  const shared: Record<string, string> = { ...env, REDIS_URL: redis?.url ?? '', REDIS_PREFIX: redisPrefix };
  const serving = await context.role({
    name: server,
    file: rolePath(server),
    env: shared,
    nodeArgs: ['--expose-gc', '--import', new URL('probe.ts', import.meta.url).href],
  });
  const ids = Array.from({ length: options.answers }, (_, answer) => String(answer));
  const isDurable = server === 'durable-server';
  const paths = ids.map((id) => (isDurable ? `/answers/${id}?offset=-1&live=sse` : `/events/${id}`));
  if (isDurable) shared['DURABLE_URL'] = serving.url;
  return connect(context, {
    serving,
    producer,
    shared,
    ids,
    paths,
    headers: {},
    options,
    redisPid: redis?.pid ?? 0,
    postgresPid: 0,
  });
}

interface Parts {
  readonly serving: Role;
  readonly producer: string | null;
  readonly shared: Record<string, string>;
  readonly ids: readonly string[];
  readonly paths: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly options: FanOutOptions;
  /** 0: there is none. */
  readonly redisPid: number;
  readonly postgresPid: number;
}

async function connect(context: Context, parts: Parts): Promise<FanOut> {
  const { serving, options, ids } = parts;
  const producer =
    parts.producer === null
      ? serving
      : await context.role({
          name: 'The producer',
          file: rolePath('producer'),
          env: { ...parts.shared, BENCH_PRODUCER: parts.producer },
          nodeArgs: ['--expose-gc', '--import', new URL('probe.ts', import.meta.url).href],
        });
  await producer.call('open', { ids, live: options.live, bytes: options.bytesPerEvent });
  const client = await context.role({ name: 'The client', file: rolePath('client') });
  await client.call('target', {
    port: Number(new URL(serving.url).port),
    paths: parts.paths,
    headers: parts.headers,
  });
  const pids = Object.entries({
    server: serving.pid,
    producer: producer === serving ? 0 : producer.pid,
    redis: parts.redisPid,
    postgres: parts.postgresPid,
  }).filter(([, pid]) => pid > 0);
  return {
    client,
    producer,
    server: serving,
    cpuMs: () => Object.fromEntries(pids.map(([name, pid]) => [name, cpuMs([pid])])),
  };
}

export const startHoldfast: StartFanOut = async (context, options) => {
  const redis = await context.redis();
  const [serving, ids] = await Promise.all([
    startApi(context),
    insertRunningRuns(context.databaseUrl, options.answers),
  ]);
  return connect(context, {
    serving,
    producer: 'holdfast',
    shared: { REDIS_URL: redis.url, REDIS_PREFIX: redisPrefix },
    ids,
    paths: ids.map((id) => `/api/runs/${id}/events`),
    headers: testUser.headers,
    options,
    redisPid: redis.pid,
    postgresPid: context.postgresPid,
  });
};

export const startNaive: StartFanOut = (context, options) =>
  startPeer(context, 'naive-server', options, 'naive');

export const startResumed: StartFanOut = (context, options) =>
  startPeer(context, 'resumable-server', options, 'resumable');

export const startDirect: StartFanOut = (context, options) =>
  startPeer(context, 'resumable-server', options, null, { BENCH_DIRECT: '1' });

export const startBare: StartFanOut = (context, options) => startPeer(context, 'bare-server', options, null);

export const startDurable: StartFanOut = (context, options) =>
  startPeer(context, 'durable-server', options, 'durable', { BENCH_DIR: context.dir });
