/**
 * One user floods the queue, ten others ask one question each: over HTTP, on two API processes and two workers with few
 * places. What they wait for is counted in runs, by Postgres' clock; times are printed and not judged.
 */
import type { LiveEvent } from '@holdfast/shared/http/sync.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { question } from '../support/ask.ts';
import { createFeedReaders } from '../support/feed-readers.ts';
import { patience, twoUrls } from '../support/inspect.ts';
import { as, makePerson, type Person } from '../support/people.ts';
import { type Following, followRun } from '../support/recorder.ts';
import { type Stack, startStack } from '../support/stack.ts';

const flood = 500;
/** Of each conversation one run is answered at a time: more of them than places. */
const floodConversations = 50;
const others = 10;
const placesPerWorker = 6;

let stack: Stack;
let bases: readonly [string, string];
beforeAll(async () => {
  stack = await startStack({ apis: 2, workers: 0, env: { WORKER_CONCURRENCY: String(placesPerWorker) } });
  bases = twoUrls(stack);
});
afterAll(() => stack.stop());

const readers = createFeedReaders(() => bases);
/** Each answer takes a third of a second, so that places are short and the machine is not. */
const slow = (key: string) => question({ deltas: 4, intervalMs: 110, key });

interface AskedRun {
  readonly id: string;
  readonly eventsUrl: string;
}
interface Asked {
  readonly run: AskedRun;
  /** When the request was answered, by Postgres' clock: from here on every dispatch saw the run. */
  readonly answeredAt: Date;
}

async function converse(person: Person): Promise<string> {
  return (await as<{ id: string }>(person, bases[0], 'POST', '/api/conversations', {})).body.id;
}

async function askIn(conversationId: string, person: Person, n: number, key: string): Promise<Asked> {
  const path = `/api/conversations/${conversationId}/messages`;
  const reply = await as<{ run: AskedRun }>(person, bases[n % 2] ?? '', 'POST', path, { text: slow(key) });
  expect(reply.status).toBe(202);
  const { rows } = await stack.db.query<{ at: Date }>('select clock_timestamp() as at');
  return { run: reply.body.run, answeredAt: rows[0]?.at ?? new Date(0) };
}

/** Times in ms since 1970. */
interface StoredTimes {
  readonly id: string;
  readonly accepted: number;
  readonly dispatched: number;
  readonly started: number;
}

async function storedTimes(): Promise<StoredTimes[]> {
  const ms = (column: string) => `(extract(epoch from ${column}) * 1000)::float8`;
  const { rows } = await stack.db.query<StoredTimes>(
    `select id, ${ms('created_at')} as accepted, ${ms('dispatched_at')} as dispatched, ${ms('started_at')} as started
     from runs order by number`,
  );
  return rows;
}

const unfinished = async () =>
  (await stack.db.query(`select 1 from runs where status in ('queued', 'running')`)).rows.length;

/** What ten runs waited for: starts of other runs between acceptance and start, and milliseconds. */
function waits(all: readonly StoredTimes[], asked: readonly Asked[]) {
  const of = asked.map(({ run }) => {
    const own = all.find((each) => each.id === run.id);
    if (!own) throw new Error('an accepted run is stored');
    const starts = all.filter((each) => each.started > own.accepted && each.started < own.started).length;
    return { starts, ms: Math.round(own.started - own.accepted) };
  });
  const sorted = (values: number[]) => values.toSorted((a, b) => a - b);
  const say = (values: number[]) =>
    `median ${sorted(values)[values.length >> 1]}, max ${Math.max(...values)}`;
  const starts = of.map((each) => each.starts);
  return { starts, text: `starts ${say(starts)}; ms ${say(of.map((each) => each.ms))}` };
}

const falls = (positions: readonly number[]) =>
  positions.every((each, n) => n === 0 || each < (positions[n - 1] ?? 0));

/** The positions that a feed told of each run. */
function positionsIn(events: readonly LiveEvent[]): number[][] {
  const told = events.filter((event) => event.type === 'run.position');
  return [...Map.groupBy(told, (event) => event.data.runId).values()].map((of) =>
    of.map((event) => event.data.position),
  );
}

it(`${others} users who ask once wait for one of the ${flood} waiting runs of another at most, and all are answered`, async () => {
  const people = await Promise.all(
    Array.from({ length: others }, (_, n) => makePerson(stack, `One of ten ${n}`)),
  );
  const conversations = await Promise.all(people.map(converse));
  const flooder = await makePerson(stack, 'Flooder');
  const followings: Following[] = [];
  const read = (person: Person, { run }: Asked, n: number) =>
    followings.push(
      followRun({
        bases: [bases[n % 2] ?? ''],
        url: (base) => base + run.eventsUrl,
        headers: person.headers,
      }),
    );
  const feeds = await Promise.all(
    [flooder, ...people].map(({ headers }, n) => readers.watch({ headers, bases: [bases[n % 2] ?? ''] })),
  );

  await Promise.all(
    Array.from({ length: floodConversations }, async (_, nth) => {
      const id = await converse(flooder);
      for (let n = nth; n < flood; n += floodConversations) {
        const asked = await askIn(id, flooder, n, `flood-${n}`);
        if (nth % 5 === 0 && n % 3 === 0) read(flooder, asked, n);
      }
    }),
  );
  await Promise.all([stack.startWorker(), stack.startWorker()]);
  const running = async () =>
    (await stack.db.query(`select 1 from runs where status = 'running'`)).rows.length;
  await expect.poll(running, patience).toBeGreaterThan(placesPerWorker);
  // Half of them one after the other, half of them at once.
  const asked: Asked[] = [];
  const askOnce = (n: number, key: string) =>
    askIn(conversations[n] ?? '', people[n] ?? flooder, n, `${key}-${n}`);
  for (let n = 0; n < others / 2; n += 1) asked.push(await askOnce(n, 'flooded'));
  asked.push(
    ...(await Promise.all(Array.from({ length: others / 2 }, (_, n) => askOnce(n + others / 2, 'flooded')))),
  );
  for (const [n, person] of people.entries()) read(person, asked[n] as Asked, n);
  const waiting = await stack.db.query(`select 1 from runs where phase = 'waiting' and user_id = $1`, [
    flooder.id,
  ]);
  expect(waiting.rows.length, 'the flood still waits').toBeGreaterThan(2 * others);

  await expect.poll(unfinished, { ...patience, timeout: 90_000 }).toBe(0);
  const all = await storedTimes();
  const whileFlooded = waits(all, asked);
  const alone = await Promise.all(people.map((_, n) => askOnce(n, 'alone')));
  await expect.poll(unfinished, patience).toBe(0);
  const onEmptyQueue = waits(await storedTimes(), alone);
  console.info(`on an empty queue: ${onEmptyQueue.text} · behind ${flood} runs: ${whileFlooded.text}`);

  const ten = new Set(asked.map(({ run }) => run.id));
  for (const { run, answeredAt } of asked) {
    const own = all.find((each) => each.id === run.id);
    const between = all.filter(
      (each) => each.dispatched > answeredAt.getTime() && each.dispatched < (own?.dispatched ?? 0),
    );
    // It waited for places, for its equals, and for one run of the flood at most: the first that waited.
    expect(between.filter((each) => !ten.has(each.id)).length).toBeLessThanOrEqual(1);
  }
  for (const starts of whileFlooded.starts) expect(starts).toBeLessThanOrEqual(2 * placesPerWorker + others);

  await Promise.all(followings.map(({ done }) => done));
  for (const { record } of followings) {
    expect(record).toMatchObject({ violations: [], terminal: { type: 'completed' } });
    expect(record.positions.filter((_, n) => !falls(record.positions.slice(0, n + 1)))).toEqual([]);
  }
  await readers.stop();
  for (const { record } of feeds) {
    expect(record.violations).toEqual([]);
    for (const positions of positionsIn(record.events)) expect(falls(positions), positions.join()).toBe(true);
  }
  // The flooder was told something, or nothing was shown.
  expect(positionsIn(feeds[0]?.record.events ?? []).length).toBeGreaterThan(0);

  const { rows } = await stack.db.query('select status, attempt, count(*)::int as n from runs group by 1, 2');
  expect(rows).toEqual([{ status: 'completed', attempt: 1, n: flood + 2 * others }]);
  const keys = stack.upstream.journal().map((entry) => entry.key);
  expect(new Set(keys).size).toBe(flood + 2 * others);
  expect(keys).toHaveLength(flood + 2 * others);
}, 180_000);
