/** The whole path, upstream to reader, for Holdfast and for the naive design: a fan-out whose producer is the upstream. */
import { setTimeout as sleep } from 'node:timers/promises';
import { testUser } from '../../test/support/test-user.ts';
import { post } from './ask.ts';
import type { Context } from './context.ts';
import type { FanOut } from './fan-out.ts';
import { holdfastEnv, redisPrefix, startApi } from './holdfast.ts';
import { cpuMs } from './processes.ts';
import type { Role } from './role.ts';

const file = (name: string) => new URL(`../roles/${name}.ts`, import.meta.url).pathname;
const probe = ['--expose-gc', '--import', new URL('probe.ts', import.meta.url).href];

/** Characters of one token of the bench's upstream. */
const tokenChars = 16;
const acceptingAtOnceMax = 16;
const openMsMax = 60_000;

export interface WholePath extends FanOut {
  readonly worker: Role;
}

export function startUpstream(context: Context, env: Record<string, string> = {}): Promise<Role> {
  return context.role({ name: 'The upstream', file: file('upstream'), env });
}

export async function startWorker(
  context: Context,
  upstream: Pick<Role, 'url'>,
  concurrency: number,
): Promise<Role> {
  return context.role({
    name: 'The worker',
    file: 'apps/worker/src/main.ts',
    env: {
      ...(await holdfastEnv(context)),
      OPENAI_BASE_URL: upstream.url,
      WORKER_CONCURRENCY: String(concurrency),
      WORKER_LEASE_MS: '30000',
      WORKER_DRAIN_MS: '0',
    },
    nodeArgs: probe,
  });
}

async function whenAllOpen(upstream: Role, count: number): Promise<void> {
  for (const deadline = performance.now() + openMsMax; ; await sleep(50)) {
    const open = await upstream.call<number>('openCount');
    if (open >= count) return;
    if (performance.now() > deadline) throw new Error(`only ${open} of ${count} answers were begun`);
  }
}

export async function startWholeHoldfast(context: Context, answers: number): Promise<WholePath> {
  const redis = await context.redis();
  const upstream = await startUpstream(context);
  const [server, worker] = await Promise.all([startApi(context), startWorker(context, upstream, answers)]);
  const client = await context.role({ name: 'The client', file: file('client') });
  const paths: string[] = [];
  async function lane(): Promise<void> {
    while (paths.length < answers) {
      const place = paths.push('') - 1;
      const question = { base: server.url, headers: testUser.headers, text: 'bench' };
      paths[place] = (await post(question)).eventsUrl;
    }
  }
  await Promise.all(Array.from({ length: acceptingAtOnceMax }, lane));
  await whenAllOpen(upstream, answers);
  await client.call('target', {
    port: Number(new URL(server.url).port),
    paths,
    headers: testUser.headers,
    chunkChars: tokenChars,
  });
  const pids = { server: server.pid, worker: worker.pid, redis: redis.pid, postgres: context.postgresPid };
  return { client, producer: upstream, server, worker, cpuMs: () => cpuOf(pids) };
}

export async function startWholeNaive(context: Context, answers: number): Promise<WholePath> {
  const redis = await context.redis();
  const upstream = await startUpstream(context);
  const env = { REDIS_URL: redis.url, REDIS_PREFIX: redisPrefix, OPENAI_BASE_URL: upstream.url };
  const [server, worker] = await Promise.all([
    context.role({ name: 'naive-server', file: file('naive-server'), env, nodeArgs: probe }),
    context.role({ name: 'The naive worker', file: file('naive-worker'), env, nodeArgs: probe }),
  ]);
  const client = await context.role({ name: 'The client', file: file('client') });
  const ids = Array.from({ length: answers }, (_, answer) => String(answer));
  await worker.call('open', { ids });
  await whenAllOpen(upstream, answers);
  await client.call('target', {
    port: Number(new URL(server.url).port),
    paths: ids.map((id) => `/events/${id}`),
    headers: {},
    chunkChars: tokenChars,
  });
  const pids = { server: server.pid, worker: worker.pid, redis: redis.pid };
  return { client, producer: upstream, server, worker, cpuMs: () => cpuOf(pids) };
}

function cpuOf(pids: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(pids).map(([name, pid]) => [name, cpuMs([pid])]));
}
