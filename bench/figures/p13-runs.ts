import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { hashToken } from '@holdfast/shared/token.ts';
import pg from 'pg';
import { all, type Figure, type Measured, ratio } from '../figure.ts';
import type { Context } from '../support/context.ts';
import { startApi } from '../support/holdfast.ts';
import { cpuMs } from '../support/processes.ts';
import { startUpstream, startWorker } from '../support/whole-path.ts';

/** Requests, or calls of `add`, under way: enough that nobody waits for a round trip. */
const atOnce = 64;
/** What one user posts is accepted one after the other, by design; many users are what a server has. */
const users = 64;
const warmUp = 200;
const lookMs = 20;
const runsOf = (context: Context) => (context.quick ? 300 : 2_000);

/** Runs that ended per second, from the first POST to the last end; each answer is one token. */
async function measureHoldfast(context: Context, workers: number): Promise<Measured> {
  const redis = await context.redis();
  const upstream = await startUpstream(context, { BENCH_INSTANT: '1' });
  const api = await startApi(context);
  const started = await Promise.all(
    Array.from({ length: workers }, () => startWorker(context, upstream, 100)),
  );
  const file = new URL('../roles/poster.ts', import.meta.url).pathname;
  const client = await context.role({ name: 'The poster', file });
  const db = new pg.Client({ connectionString: context.databaseUrl });
  await db.connect();
  context.onEnd(() => db.end());
  const ended = async (): Promise<number> => {
    const { rows } = await db.query("select count(*)::int as count from runs where status = 'completed'");
    return rows[0].count as number;
  };
  const apiKeys = await insertUsers(db);
  async function run(count: number): Promise<number> {
    const conversations = await client.call<string[]>('conversations', {
      base: api.url,
      apiKeys,
      count,
      atOnce,
    });
    const due = (await ended()) + count;
    const startedAt = performance.now();
    await client.call('postAll', { base: api.url, apiKeys, conversations, atOnce });
    while ((await ended()) < due) await sleep(lookMs);
    return (performance.now() - startedAt) / 1_000;
  }
  await run(warmUp);
  const groups = {
    api: [api.pid],
    worker: started.map((worker) => worker.pid),
    redis: [redis.pid],
    postgres: [context.postgresPid],
  };
  const before = Object.entries(groups).map(([name, pids]) => [name, cpuMs(pids)] as const);
  const count = runsOf(context);
  const seconds = await run(count);
  const used = before.map(
    ([name, ms]) => [`${name}MsPerRun`, (cpuMs(groups[name as keyof typeof groups]) - ms) / count] as const,
  );
  return { value: count / seconds, ...Object.fromEntries(used) };
}

/** Users of this measurement, each with an API key. */
async function insertUsers(db: pg.Client): Promise<string[]> {
  const keys = Array.from({ length: users }, () => `hfk_${randomBytes(32).toString('base64url')}`);
  const ids = keys.map(() => randomUUID());
  await db.query(
    "insert into users (id, name, email) select id, 'Bench', id || '@example.com' from unnest($1::uuid[]) as each (id)",
    [ids],
  );
  await db.query(
    `insert into api_keys (id, user_id, name, token_hash, hint)
     select id, id, 'bench', hash, 'hfk_xxxx' from unnest($1::uuid[], $2::text[]) as each (id, hash)`,
    [ids, keys.map((key) => hashToken(key))],
  );
  return keys;
}

async function measureBare(context: Context): Promise<Measured> {
  const redis = await context.redis();
  const file = new URL('../roles/bare-queue.ts', import.meta.url).pathname;
  const role = (kind: string) =>
    context.role({ name: `bare-${kind}`, file, env: { REDIS_URL: redis.url, BENCH_QUEUE: kind } });
  const [adder, worker] = await Promise.all([role('add'), role('work')]);
  let due = 0;
  async function run(count: number): Promise<number> {
    due += count;
    const startedAt = performance.now();
    await adder.call('add', { count, atOnce });
    while ((await worker.call<number>('processed')) < due) await sleep(lookMs / 4);
    return (performance.now() - startedAt) / 1_000;
  }
  await run(warmUp);
  const count = 5 * runsOf(context);
  return { value: count / (await run(count)) };
}

const bare = 'bare BullMQ, add + process';

export const figure: Figure = {
  id: 'P13',
  title: 'Runs per second, POST to end in Postgres, one API and one worker',
  unit: 'runs/s; also: CPU in ms per run, by process',
  goal: '≥ 0.5 × bare BullMQ',
  sides: [
    { name: 'Holdfast', measure: (context) => measureHoldfast(context, 1) },
    { name: 'Holdfast, two workers', measure: (context) => measureHoldfast(context, 2) },
    { name: bare, measure: measureBare },
  ],
  verdict: (medians) =>
    all(ratio('bare BullMQ', medians['Holdfast']?.['value'], medians[bare]?.['value'], { atLeast: 0.5 })),
};
