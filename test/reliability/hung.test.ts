/** Figure 11: Redis or Postgres hangs (SIGSTOP) for ten seconds: nobody waits for it, and nothing is worse than a 503. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, inject, it } from 'vitest';
import { createConversation, question } from '../support/ask.ts';
import { deathsOf, patience, twoUrls } from '../support/inspect.ts';
import type { Stack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';
import { sized, spread, startFigure } from './support/figure.ts';
import { type Restartable, startOwnPostgres, startOwnRedis, startStackOn } from './support/servers.ts';

const figure = startFigure(11);
afterAll(() => figure.conclude());

/** Of each kind; longer than every time limit that a request meets. */
const hangMs = 10_000;
/** Between two POSTs, to alternating API processes. */
const paceMs = 50;
const giveUpMs = 30_000;
const answerMsMax = 3_000;

interface Reply {
  readonly sentAt: number;
  readonly doneAt: number;
  readonly status: number;
  readonly retryAfter: number;
}

async function post(base: string, path: string, n: number): Promise<Reply> {
  const sentAt = performance.now();
  const response = await fetch(`${base}${path}`, {
    method: 'POST',
    headers: { ...testUser.headers, 'content-type': 'application/json' },
    body: JSON.stringify({ text: question({ deltas: 1, seed: n }) }),
    signal: AbortSignal.timeout(giveUpMs),
  }).catch(() => null);
  await response?.arrayBuffer();
  return {
    sentAt,
    doneAt: performance.now(),
    status: response?.status ?? 0,
    retryAfter: Number(response?.headers.get('retry-after') ?? 0),
  };
}

/** A Postgres is a family of processes; a machine that hangs stops all of them. */
function familyOf(pid: number): number[] {
  const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' });
  return [pid, ...stdout.trim().split(/\s+/).filter(Boolean).map(Number)];
}

async function hang(
  name: string,
  stack: Stack,
  bases: readonly string[],
  pids: () => number[],
): Promise<void> {
  const conversations = await Promise.all(
    Array.from({ length: 20 }, () => createConversation(bases[0] ?? '')),
  );
  const replies: Promise<Reply>[] = [];
  let over = false;
  const posting = (async () => {
    for (let n = 0; !over; n += 1) {
      const id = conversations[n % conversations.length]?.id;
      replies.push(post(bases[n % 2] ?? '', `/api/conversations/${id}/messages`, n));
      await sleep(paceMs);
    }
  })();
  await sleep(1_000);
  const stopped = pids();
  for (const pid of stopped) process.kill(pid, 'SIGSTOP');
  const hungAt = performance.now();
  await sleep(hangMs);
  for (const pid of stopped) process.kill(pid, 'SIGCONT');
  const awakeAt = performance.now();
  await sleep(6_000);
  over = true;
  await posting;
  const all = await Promise.all(replies);
  const during = all.filter(({ doneAt, sentAt }) => doneAt > hungAt && sentAt < awakeAt);
  const took = during.map(({ sentAt, doneAt }) => doneAt - sentAt);
  const statuses = Map.groupBy(during, ({ status }) => status);
  figure.note(
    `${name} hangs: answers`,
    [...statuses].map(([status, of]) => `${of.length} × ${status}`).join(', '),
  );
  figure.note(`${name} hangs: time of an answer`, spread(took));
  const longest = Math.max(...took);
  figure.atMost(`${name} hangs: time of an answer, longest`, longest, answerMsMax, 'ms');
  const wrong = all.filter(
    ({ status, retryAfter }) => !(status === 202 || (status === 503 && retryAfter > 0)),
  );
  figure.exactly(`${name} hangs: answers other than 202, and 503 with Retry-After`, wrong.length, 0);
  // From here on every message that was posted later was taken.
  const lastRefused = Math.max(
    awakeAt,
    ...all.filter(({ status }) => status !== 202).map(({ sentAt }) => sentAt),
  );
  figure.atMost(`${name} awake: until every message is taken`, lastRefused - awakeAt, 3_000, 'ms');
  const unfinished = async () =>
    (await stack.db.query(`select 1 from runs where status in ('queued', 'running')`)).rows.length;
  await expect.poll(unfinished, patience).toBe(0);
  const failed = await stack.db.query(`select 1 from runs where status <> 'completed'`);
  figure.exactly(`${name} awake: accepted messages without an answer`, failed.rows.length, 0);
}

it('Redis hangs for ten seconds, then Postgres', async () => {
  const [postgres, redis] = await Promise.all([
    startOwnPostgres('hung-postgres'),
    startOwnRedis('hung-redis'),
  ]);
  const stack = await startStackOn(postgres, {
    apis: 2,
    workers: 2,
    redisUrl: redis.url,
    env: { WORKER_LEASE_MS: '5000' },
  });
  const bases = twoUrls(stack);
  const deaths = deathsOf(stack);
  const pidOf = (server: Restartable) => () => familyOf(server.pid());
  for (let round = 0; round < sized(2); round += 1) {
    await hang('Redis', stack, bases, pidOf(redis));
    await hang('Postgres', stack, bases, pidOf(postgres));
  }
  figure.exactly('processes that died', deaths.length, 0);
  await stack.stop();
  await Promise.all([postgres.stop(), redis.stop()]);
  figure.exactly('log lines about unhandled rejections', unhandledLines().length, 0);
}, 240_000);

function unhandledLines(): string[] {
  const dir = inject('logDir');
  const logs = readdirSync(dir).filter((file) => /-(API|worker)-\d+\.log$/.test(file));
  if (logs.length === 0) throw new Error('the processes of the stack have logs');
  return logs.flatMap((file) =>
    readFileSync(join(dir, file), 'utf8')
      .split('\n')
      .filter((line) => /unhandled|uncaught/i.test(line)),
  );
}
