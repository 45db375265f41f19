/** Figure 13: a flood of one user and a few questions of nine others; and the limit of a user over 10,000 admissions. */
import { setTimeout as sleep } from 'node:timers/promises';
import { dispatchRuns } from '@holdfast/shared/store/fair-queue.ts';
import { afterAll, expect, it } from 'vitest';
import { question } from '../support/ask.ts';
import { patience, twoUrls } from '../support/inspect.ts';
import { as, makePerson, type Person } from '../support/people.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { startStack } from '../support/stack.ts';
import { newAsker, openStore, pretendEnds, pretendWorker } from '../support/waiting-line.ts';
import { percentile, sized, startFigure } from './support/figure.ts';

const figure = startFigure(13);
afterAll(() => figure.conclude());

const flood = 200;
const others = 9;
const questionsOfOther = 10;
const places = 10;
const questionEveryMs = 25;

/** Times in ms. */
interface Served {
  readonly userId: string;
  /** Its place among those that came. */
  readonly number: number;
  readonly accepted: number;
  readonly started: number;
  readonly finished: number;
}

/** What the same runs would have waited for if the first to come were the first served. */
function waitsOfFirstComeFirstServed(runs: readonly Served[]): Map<Served, number> {
  const free = Array.from({ length: places }, () => 0);
  const waits = new Map<Served, number>();
  for (const run of runs.toSorted((a, b) => a.number - b.number)) {
    const place = free.indexOf(Math.min(...free));
    const begins = Math.max(run.accepted, free[place] ?? 0);
    free[place] = begins + run.finished - run.started;
    waits.set(run, begins - run.accepted);
  }
  return waits;
}

it(`${flood} runs of one user, then ${others * questionsOfOther} of ${others} others, on ${places} places: the others hardly wait`, async () => {
  const stack = await startStack({ apis: 2, workers: 0, env: { WORKER_CONCURRENCY: String(places) } });
  const bases = twoUrls(stack);
  const text = question({ deltas: 2, intervalMs: 50 });
  const flooder = await makePerson(stack, 'Flooder');
  const people = await Promise.all(Array.from({ length: others }, (_, n) => makePerson(stack, `Other ${n}`)));
  const converse = async (person: Person) =>
    (await as<{ id: string }>(person, bases[0], 'POST', '/api/conversations', {})).body.id;
  // A conversation for each question: those of one conversation would wait for each other.
  const asks = [
    ...Array.from({ length: flood }, () => flooder),
    ...Array.from({ length: others * questionsOfOther }, (_, n) => people[n % others] ?? flooder),
  ];
  const conversations = await Promise.all(asks.map(converse));
  const send = async (n: number) => {
    const path = `/api/conversations/${conversations[n]}/messages`;
    expect((await as(asks[n] ?? flooder, bases[n % 2] ?? '', 'POST', path, { text })).status).toBe(202);
  };
  for (let n = 0; n < flood; n += 20) await Promise.all(Array.from({ length: 20 }, (_, of) => send(n + of)));
  await stack.startWorker();
  // They come one after the other while the flood is answered, as people do.
  const sent: Promise<void>[] = [];
  for (let n = 0; n < others * questionsOfOther; n += 1) {
    sent.push(send(flood + n));
    await sleep(questionEveryMs);
  }
  await Promise.all(sent);
  const unfinished = async () =>
    (await stack.db.query(`select 1 from runs where status in ('queued', 'running')`)).rows.length;
  await expect.poll(unfinished, patience).toBe(0);

  const ms = (column: string) => `(extract(epoch from ${column}) * 1000)::float8`;
  const { rows } = await stack.db.query<Served>(
    `select user_id as "userId", number::float8 as number, ${ms('created_at')} as accepted, ${ms('started_at')} as started, ${ms('finished_at')} as finished from runs`,
  );
  const began = Math.min(...rows.map(({ started }) => started));
  // Nobody is served before the worker is there, in neither order.
  const runs = rows.map((run) => ({ ...run, accepted: Math.max(run.accepted, began) }));
  const light = runs.filter(({ userId }) => userId !== flooder.id);
  const fifo = waitsOfFirstComeFirstServed(runs);
  const fairMs = percentile(
    light.map(({ started, accepted }) => started - accepted),
    0.95,
  );
  const fifoMs = percentile(
    light.map((run) => fifo.get(run) ?? 0),
    0.95,
  );
  figure.note('wait of the others, p95', fairMs, 'ms');
  figure.note('the same, first come first served', fifoMs, 'ms');
  figure.atMost('wait of the others as part of that', (100 * fairMs) / fifoMs, 20, '%');
  await stack.stop();
}, 120_000);

it(`${sized(10_000)} admissions from many processes at once: nobody has more runs than their limit`, async () => {
  const admissions = sized(10_000, 100);
  const limit = 3;
  const stack = await startStack({ apis: 0, workers: 0 });
  const store = openStore(stack, 8);
  const random = seededRandom(13);
  const askers = await Promise.all(Array.from({ length: 20 }, () => newAsker(store)));
  await pretendWorker(store, 40);
  let admitted = 0;
  let overLimit = 0;
  let mostOfOne = 0;
  let asked = 0;
  const running = new Set<string>();
  /** Counts in Postgres itself, between any two statements of the others. */
  async function look(): Promise<void> {
    const { rows } = await stack.db.query<{ n: number }>(
      `select count(*)::int as n from runs where dispatched_at is not null and status in ('queued', 'running') group by user_id`,
    );
    for (const { n } of rows) {
      mostOfOne = Math.max(mostOfOne, n);
      if (n > limit) overLimit += 1;
    }
  }
  async function lane(): Promise<void> {
    while (admitted < admissions) {
      if (asked < admissions + 200) {
        asked += 1;
        await askers[Math.floor(random() * random() * askers.length)]?.ask();
      }
      const given = await dispatchRuns(store, { runsPerUserMax: limit, modelRunsMax: {} });
      for (const runId of given) running.add(runId);
      admitted += given.length;
      const ending = [...running].slice(0, 1 + Math.floor(random() * 3));
      for (const runId of ending) running.delete(runId);
      await pretendEnds(store, ending);
    }
  }
  let over = false;
  const looking = (async () => {
    while (!over) await look();
  })();
  await Promise.all(Array.from({ length: 6 }, lane));
  over = true;
  await looking;
  figure.note('admissions', admitted);
  figure.note('most runs of one user at a time', mostOfOne);
  figure.exactly('looks that found a user over the limit', overLimit, 0);
  await store.destroy();
  await stack.stop();
}, 300_000);
