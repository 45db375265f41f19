/** Figure 2: what was answered 202 is kept, whoever is killed; the same key makes one run. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { question } from '../support/ask.ts';
import { patience } from '../support/inspect.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { type ApiProcess, type Stack, startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';
import { sized, spread, startFigure } from './support/figure.ts';
import { startOwnPostgres, startOwnRedis, startStackOn } from './support/servers.ts';

const figure = startFigure(2);
afterAll(() => figure.conclude());

/** Of API processes, so that some always live while others start. */
const apiCount = 4;
const posters = 8;
const pauseMs = 40;
const messagesPerConversation = 20;
/** Longer than any request may take. */
const requestMsMax = 15_000;

interface Posted {
  readonly status: number;
  readonly runId: string | null;
}

/** Sends one POST. Status 0: there was no answer. */
async function post(base: string, path: string, body: object, key: string): Promise<Posted> {
  try {
    const response = await fetch(`${base}${path}`, {
      method: 'POST',
      headers: { ...testUser.headers, 'content-type': 'application/json', 'idempotency-key': key },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(requestMsMax),
    });
    const reply = (await response.json()) as { id?: string; run?: { id: string } };
    return { status: response.status, runId: reply.run?.id ?? reply.id ?? null };
  } catch {
    return { status: 0, runId: null };
  }
}

it(`${sized(500)} deaths of API processes, Redis and Postgres under POSTs: nothing that was accepted is lost or doubled`, async () => {
  const kills = sized(500, 6);
  const [postgres, redis] = await Promise.all([
    startOwnPostgres('durable-postgres'),
    startOwnRedis('durable-redis'),
  ]);
  const stack = await startStackOn(postgres, {
    apis: apiCount,
    workers: 2,
    redisUrl: redis.url,
    env: { WAITING_RUNS_PER_USER_MAX: '100000' },
  });
  const apis: (ApiProcess | null)[] = [...stack.apis];
  const random = seededRandom(2);
  /** The runs that each key was promised. */
  const promised = new Map<string, Set<string>>();
  const statuses = new Map<number, number>();
  let acceptances = 0;
  let stopped = false;

  const baseNow = (): string => {
    const alive = apis.filter((api) => api !== null);
    return alive[Math.floor(random() * alive.length)]?.url ?? '';
  };
  /** Until it is taken: what a client does that wants its message kept. */
  async function insist(
    path: string,
    body: object,
    key: string,
    times: number,
    done: number,
  ): Promise<string> {
    for (;;) {
      const replies = await Promise.all(
        Array.from({ length: times }, () => post(baseNow(), path, body, key)),
      );
      for (const { status } of replies) statuses.set(status, (statuses.get(status) ?? 0) + 1);
      const taken = replies.filter(({ status, runId }) => status === done && runId !== null);
      if (done === 202) {
        const runs = promised.get(key) ?? new Set();
        for (const { runId } of taken) runs.add(String(runId));
        if (taken.length > 0) promised.set(key, runs);
      }
      const [first] = taken;
      if (first?.runId) return first.runId;
      await sleep(pauseMs);
    }
  }
  async function poster(number: number): Promise<void> {
    for (let n = 0; !stopped; ) {
      const conversation = await insist('/api/conversations', {}, `c-${number}-${n}`, 1, 201);
      for (let of = 0; of < messagesPerConversation && !stopped; of += 1, n += 1) {
        const key = `m-${number}-${n}`;
        const body = { text: question({ deltas: 1, key }) };
        await insist(`/api/conversations/${conversation}/messages`, body, key, random() < 0.3 ? 3 : 1, 202);
        acceptances += 1;
        await sleep(pauseMs);
      }
    }
  }

  const posting = Promise.all(Array.from({ length: posters }, (_, number) => poster(number)));
  async function restartApi(at: number): Promise<void> {
    for (;;) {
      // It does not start while Postgres or Redis is away.
      const api = await stack.startApi().catch(() => null);
      apis[at] = api;
      if (api) return;
    }
  }
  const victims = { api: 0, redis: 0, postgres: 0 };
  const outagesMs = { api: [] as number[], redis: [] as number[], postgres: [] as number[] };
  /** Resolves when a message was accepted after this. */
  async function accepted(): Promise<void> {
    const before = acceptances;
    await expect.poll(() => acceptances, { ...patience, interval: 5 }).toBeGreaterThan(before);
  }
  /** API processes die while others live, beside whatever happens to the servers below them. */
  async function killApis(times: number): Promise<void> {
    for (; victims.api < times; victims.api += 1) {
      const alive = apis.flatMap((api, at) => (api === null ? [] : [at]));
      const at = alive[Math.floor(random() * alive.length)] ?? 0;
      const victim = apis[at];
      apis[at] = null;
      const since = performance.now();
      await victim?.kill();
      const start = restartApi(at);
      await accepted();
      outagesMs.api.push(performance.now() - since);
      await start;
    }
  }
  async function killServer(kind: 'redis' | 'postgres'): Promise<void> {
    const server = kind === 'redis' ? redis : postgres;
    const since = performance.now();
    await server.kill();
    await server.restart();
    await accepted();
    victims[kind] += 1;
    outagesMs[kind].push(performance.now() - since);
    await sleep(random() * 50);
  }
  async function killServers(times: number): Promise<void> {
    while (victims.redis + victims.postgres < times) await killServer(random() < 0.5 ? 'redis' : 'postgres');
  }
  await Promise.all([killApis(Math.round(kills / 3)), killServers(kills - Math.round(kills / 3))]);
  stopped = true;
  await posting;

  const unfinished = async () =>
    (await stack.db.query(`select 1 from runs where status in ('queued', 'running')`)).rows.length;
  await expect.poll(unfinished, { ...patience, interval: 250, timeout: 120_000 }).toBe(0);
  const ids = [...promised.values()].flatMap((runs) => [...runs]);
  const stored = await stack.db.query<{ id: string; status: string }>('select id, status from runs');
  const statusOf = new Map(stored.rows.map(({ id, status }) => [id, status]));
  const doubled = await stack.db.query(
    `select text from messages where role = 'user' group by text having count(*) > 1`,
  );
  figure.note('kills', `${victims.api} API, ${victims.redis} Redis, ${victims.postgres} Postgres`);
  figure.note('accepted messages', promised.size);
  for (const kind of ['api', 'redis', 'postgres'] as const) {
    figure.note(`${kind} killed to the next acceptance`, spread(outagesMs[kind]));
  }
  figure.exactly('accepted and lost', ids.filter((id) => !statusOf.has(id)).length, 0);
  figure.exactly('accepted and not answered', ids.filter((id) => statusOf.get(id) !== 'completed').length, 0);
  figure.exactly('keys with two runs', [...promised.values()].filter((runs) => runs.size > 1).length, 0);
  figure.exactly('messages stored twice', doubled.rows.length, 0);
  const refusals = [...statuses].filter(([status]) => ![0, 201, 202, 503].includes(status));
  figure.exactly(
    'answers other than 202, 503 and none',
    refusals.reduce((sum, [, n]) => sum + n, 0),
    0,
  );
  if (refusals.length > 0) console.info({ refusals });
  await stack.stop();
  await Promise.all([postgres.stop(), redis.stop()]);
}, 840_000);

it(`${sized(10_000)} messages, each posted three times at once with one key: as many runs`, async () => {
  const messages = sized(10_000, 50);
  const stack: Stack = await startStack({
    apis: 2,
    workers: 0,
    env: { WAITING_RUNS_PER_USER_MAX: '100000' },
  });
  const bases = stack.apis.map(({ url }) => url);
  let next = 0;
  let different = 0;
  let refused = 0;
  const startedAt = performance.now();
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      let conversation = '';
      for (let n = next++; n < messages; n = next++) {
        const base = bases[n % 2] ?? '';
        if (conversation === '' || n % 50 === 0) {
          conversation = (await post(base, '/api/conversations', {}, `conversation-${n}`)).runId ?? '';
        }
        const path = `/api/conversations/${conversation}/messages`;
        const replies = await Promise.all(
          [0, 1, 2].map((of) =>
            post(bases[(n + of) % 2] ?? '', path, { text: `Message ${n}` }, `message-${n}`),
          ),
        );
        refused += replies.filter(({ status }) => status !== 202).length;
        if (new Set(replies.map(({ runId }) => runId)).size > 1) different += 1;
      }
    }),
  );
  const seconds = (performance.now() - startedAt) / 1000;
  const runs = await stack.db.query<{ n: number }>('select count(*)::int as n from runs');
  const texts = await stack.db.query<{ n: number }>(
    `select count(*)::int as n from messages where role = 'user'`,
  );
  figure.note('triple POSTs per second', messages / seconds);
  figure.exactly('triple POSTs that were not all answered 202 (requests)', refused, 0);
  figure.exactly('triple POSTs answered with different runs', different, 0);
  figure.exactly(`runs of ${messages} triple POSTs`, runs.rows[0]?.n ?? 0, messages);
  figure.exactly(`messages of ${messages} triple POSTs`, texts.rows[0]?.n ?? 0, messages);
  await stack.stop();
}, 400_000);
