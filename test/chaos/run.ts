/**
 * One chaos run: a cluster, people, a fault plan, quiet, and the verdict of the checker.
 *
 * starting → load and faults → load → healed, waiting for quiet → looking back → verdict
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { findRedisBinary } from '../../scripts/services/redis.ts';
import { checkHistory, countHistory } from '../support/checker/check.ts';
import type { History, Limits, Violation } from '../support/checker/history.ts';
import { type Decision, decide } from '../support/checker/promises.ts';
import { readTree } from '../support/many-users/read-tree.ts';
import { type FeedReader, sendRecorded, startRecording } from '../support/many-users/recorded-client.ts';
import { walk } from '../support/many-users/walk.ts';
import type { Crowd } from '../support/many-users/walker.ts';
import { type Cluster, startCluster, userLimits } from './cluster.ts';
import { createInjector } from './inject.ts';
import { gather } from './people.ts';
import { createPlan, type Fault } from './plan.ts';
import { createWeather } from './weather.ts';

export interface ChaosOptions {
  readonly seconds: number;
  readonly seed: number;
  /** Where data and logs are put. */
  readonly dir: string;
  readonly users?: number;
  /** Ends everything early, without a verdict. */
  readonly signal?: AbortSignal;
  readonly log?: (line: string) => void;
}

export interface ChaosResult {
  readonly history: History;
  readonly violations: readonly Violation[];
  readonly decisions: readonly Decision[];
  readonly counts: Readonly<Record<string, number>>;
  /** By kind: how often it was done, and how many processes, connections or clients it has hit. */
  readonly faults: Readonly<Record<string, { readonly times: number; readonly hits: number }>>;
  readonly redis: string;
}

const usersDefault = 10;
/** The end of the run without new faults, and without new questions. */
const faultlessMs = 12_000;
const askingEndsMs = 8_000;
/** Longest wait for quiet once all is healed: leases, retries and jobs that were lost all have their time. */
const quietMsMax = 60_000;
/** Then readers who are still waiting are given up. */
const readersMsMax = 30_000;
/** Longer than any fault. */
const answerMsMax = 30_000;
const pollMs = 200;

/**
 * Bounds that a fault may stretch by its own length: a client that is cut off hears nothing. What never comes is found by
 * the waiting for quiet instead.
 */
const limits: Limits = {
  ...userLimits,
  residentBytesMax: 512 * 1024 * 1024,
  silentMsMax: 30_000,
  firstEventMsMax: 45_000,
  abortMsMax: 20_000,
};

export const planOf = ({ seconds, seed }: Pick<ChaosOptions, 'seconds' | 'seed'>): Fault[] =>
  createPlan({
    seed,
    windowMs: Math.max(seconds * 500, seconds * 1_000 - faultlessMs),
    hasAof: findRedisBinary() !== undefined,
  });

/** Runs it. Rejects when the harness itself breaks; what the product breaks is in the result. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { dir, signal, log = () => {} } = options;
  const plan = planOf(options);
  const cluster = await startCluster(dir);
  const stopped = Promise.withResolvers<never>();
  stopped.promise.catch(() => {});
  signal?.addEventListener('abort', () => stopped.reject(new Error('stopped')), { once: true });
  try {
    if (signal?.aborted) throw new Error('stopped');
    return await Promise.race([act(cluster, plan, options, log), stopped.promise]);
  } finally {
    await cluster.stop();
  }
}

async function act(
  cluster: Cluster,
  plan: readonly Fault[],
  { seconds, seed, users = usersDefault }: ChaosOptions,
  log: (line: string) => void,
): Promise<ChaosResult> {
  const patience = new AbortController();
  const recording = startRecording(cluster.bases, { patience: patience.signal, answerMsMax });
  const weather = createWeather();
  const { crowd, feeds } = await gather(recording, users, seed, weather);
  log(`${users} users, ${plan.length} faults in ${seconds} s, ${cluster.stores.redis().kind}`);

  const began = performance.now();
  const elapsed = () => performance.now() - began;
  const say = (what: string) => log(`${what} after ${(elapsed() / 1_000).toFixed(1)} s`);
  const walking = crowd.walkers.map((walker) =>
    walk(crowd, walker, () => elapsed() > seconds * 1_000 - askingEndsMs),
  );
  const injecting = strikeAll(cluster, crowd, weather, plan, elapsed);
  const [faults] = await Promise.all([injecting, ...walking]);
  const isUp = await cluster.heal();
  say('healed');
  await quiet(cluster, crowd, patience);
  say('quiet');

  const quietAt = recording.next();
  await lookBack(crowd);
  say('looked back');
  await drain(cluster, feeds);
  await Promise.all(feeds.map((feed) => feed.stop()));
  say('feeds drained');
  const keepers = [...cluster.apis, ...cluster.workers];
  const crashes = keepers.flatMap((keeper) => keeper.crashes);
  for (const keeper of isUp ? [] : keepers) {
    if (!keeper.current()) crashes.push({ name: keeper.name, words: 'did not come up again' });
  }
  const tree = { ...(await readTree(cluster.kept())), crashes };
  say('read');
  const history: History = { entries: recording.entries, tree, limits, quietAt };
  const violations = checkHistory(history, { withFaults: true });
  say('judged');
  return {
    history,
    violations,
    decisions: decide(history, violations),
    counts: {
      ...countHistory(history),
      attempts: tree.runs.reduce((sum, { attempt }) => sum + attempt, 0),
      starts: keepers.reduce((sum, keeper) => sum + keeper.starts(), 0),
      violations: violations.length,
    },
    faults,
    redis: cluster.stores.redis().kind,
  };
}

async function strikeAll(
  cluster: Cluster,
  crowd: Crowd,
  weather: ReturnType<typeof createWeather>,
  plan: readonly Fault[],
  elapsed: () => number,
): Promise<ChaosResult['faults']> {
  const inject = createInjector({ cluster, crowd, weather });
  const counts: Record<string, { times: number; hits: number }> = {};
  const failures: unknown[] = [];
  const struck = plan.map(async (fault) => {
    await sleep(Math.max(0, fault.atMs - elapsed()));
    const hits = await inject(fault).catch((error: unknown) => {
      failures.push(error);
      return 0;
    });
    const of = counts[fault.kind] ?? { times: 0, hits: 0 };
    counts[fault.kind] = of;
    if (hits > 0) of.times += 1;
    of.hits += hits;
  });
  await Promise.all(struck);
  // A Redis that this harness could not start again is no fault of those who wait for it.
  if (failures.length > 0) throw new AggregateError(failures, 'not all faults could be done and healed');
  return counts;
}

/** Waits until all runs have ended and all readers with them. What never comes is for the checker to find. */
async function quiet({ db }: Cluster, { walkers }: Crowd, patience: AbortController): Promise<void> {
  const unfinished = async (): Promise<number> => {
    const query = `select count(*)::int as count from runs where status in ('queued', 'running')`;
    const { rows } = await db.query<{ count: number }>(query).catch(() => ({ rows: [] }));
    return rows[0]?.count ?? -1;
  };
  await until(async () => (await unfinished()) === 0, quietMsMax);
  await until(async () => walkers.every(({ reading }) => reading.size === 0), readersMsMax);
  patience.abort();
  await Promise.all(walkers.flatMap((walker) => [...walker.reading]));
  // Calls to the provider that nobody needs are hung up a moment later.
  await sleep(limits.abortMsMax / 10);
}

/** Each looks once more at everything that they know of, on both servers. */
async function lookBack({ recording, walkers }: Crowd): Promise<void> {
  for (const walker of walkers) {
    for (const { id, runs } of walker.conversations) {
      const look = (path: string, server: number) => sendRecorded(recording, walker, 'GET', path, { server });
      await look(`/api/conversations/${id}/messages`, 0);
      await look(`/api/conversations/${id}/messages`, 1);
      for (const run of runs.slice(-2)) await look(`/api/runs/${run.id}`, run.id.charCodeAt(0));
    }
  }
}

/** Waits until the feeds have told what was recorded for them. */
async function drain({ db }: Cluster, feeds: readonly FeedReader[]): Promise<void> {
  const { rows } = await db.query<{ user: string; seq: number }>(
    'select user_id as "user", seq::float8 as seq from user_feeds',
  );
  const heads = new Map(rows.map(({ user, seq }) => [user, seq]));
  await until(async () => feeds.every(({ user, seq }) => seq() >= (heads.get(user) ?? 0)), readersMsMax);
}

async function until(isSo: () => Promise<boolean>, forMs: number): Promise<void> {
  for (const deadline = performance.now() + forMs; performance.now() < deadline; await sleep(pollMs)) {
    if (await isSo()) return;
  }
}
