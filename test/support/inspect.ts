/** What a run left behind in Postgres, in its run log and in history, and what has to agree there. */
import type { Message, RunView } from '@holdfast/shared/http/schemas.ts';
import { runKeys } from '@holdfast/shared/run-log/keys.ts';
import type { Redis } from 'ioredis';
import { expect, vi } from 'vitest';
import type { Child } from '../../scripts/services/process.ts';
import { getHistory } from './ask.ts';
import { type Following, followRun } from './recorder.ts';
import type { RunRecord } from './run-record.ts';
import type { Stack } from './stack.ts';

/** Longest wait for anything that has to come by itself: several times what a busy machine needs. */
export const patience = { timeout: 45_000, interval: 25 };

/** The columns of `runs` that tests look at. */
export interface StoredRun {
  readonly status: 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';
  readonly attempt: number;
  readonly crashes: number;
  readonly retries: number;
  readonly worker_id: string | null;
  readonly failure_code: string | null;
  readonly finish_reason: string | null;
  readonly usage: { inputTokens: number; outputTokens: number; estimated: boolean } | null;
}

/** A list that has a first element. */
export type AtLeastOne<T> = readonly [T, ...T[]];

/** The addresses of the two API processes of a stack that was started with two. */
export function twoUrls(stack: Stack): readonly [string, string] {
  const [first, second] = stack.apis;
  if (!first || !second) throw new Error('the stack was started with fewer than two API processes');
  return [first.url, second.url];
}

export function firstUrl(stack: Stack): string {
  const [first] = stack.apis;
  if (!first) throw new Error('the stack was started without an API process');
  return first.url;
}

export async function storedRun(stack: Stack, runId: string): Promise<StoredRun> {
  const { rows } = await stack.db.query<StoredRun>('select * from runs where id = $1', [runId]);
  const [row] = rows;
  if (!row) throw new Error(`there is no run ${runId}`);
  return row;
}

/** Resolves with the row once the run has ended. */
export async function storedEnd(stack: Stack, runId: string): Promise<StoredRun> {
  return vi.waitFor(async () => {
    const stored = await storedRun(stack, runId);
    expect(stored.status).toMatch(/completed|failed|cancelled/);
    return stored;
  }, patience);
}

/** Names those of these processes that end from now on: an outage around them is no reason to die. */
export function deathsOf(stack: Pick<Stack, 'apis' | 'workers'>): readonly string[] {
  const deaths: string[] = [];
  const note = (kind: string, child: Child) =>
    void child.exited.then(() => deaths.push(`${kind} ${child.pid}: ${child.lastLines(20).join('\n')}`));
  for (const api of stack.apis) note('API', api);
  for (const worker of stack.workers) note('worker', worker);
  return deaths;
}

/**
 * Locks the run's row and resolves when its worker waits for that in the statement that ends it. The function that it
 * returns lets the worker go on.
 */
export async function holdEnd(stack: Stack, runId: string): Promise<() => Promise<void>> {
  const lock = await stack.db.connect();
  await lock.query('begin');
  await lock.query('select 1 from runs where id = $1 for update', [runId]);
  const ending = `select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
                  and wait_event_type = 'Lock' and query like '%ended as (%'`;
  await vi.waitFor(async () => expect((await stack.db.query(ending)).rows).toHaveLength(1), patience);
  return async () => {
    await lock.query('commit');
    lock.release();
  };
}

/** One entry of a run log as it stands in Redis. */
export interface LogEntry {
  readonly id: string;
  readonly attempt: number;
  readonly seq: number;
  readonly type: string;
  readonly data: { readonly text?: string; readonly [field: string]: unknown };
}

export async function logEntries(
  stack: Stack,
  runId: string,
  redis: Redis = stack.redis,
): Promise<LogEntry[]> {
  const entries = await redis.xrange(runKeys(stack.redisPrefix, runId).log, '-', '+');
  return entries.map(([id, fields]) => {
    const [attempt = 0, seq = 0] = id.split('-').map(Number);
    return {
      id,
      attempt,
      seq,
      type: fields[1] ?? '',
      data: JSON.parse(fields[3] ?? '{}') as LogEntry['data'],
    };
  });
}

export const isTerminal = (entry: { readonly type: string }): boolean =>
  ['completed', 'failed', 'cancelled'].includes(entry.type);

/** The worker, of these, that holds the run; waits until one does. */
export async function workerOf(stack: Stack, workers: readonly Child[], runId: string): Promise<Child> {
  return vi.waitFor(async () => {
    const { status, worker_id } = await storedRun(stack, runId);
    const holder = workers.find((worker) => worker_id?.endsWith(`:${worker.pid}`));
    if (status !== 'running' || !holder)
      throw new Error(`run ${runId} is ${status} and held by ${worker_id}`);
    return holder;
  }, patience);
}

/**
 * Reads a run on each of these API processes, one reader each. With `wholeText` every reader checks after every event
 * that what it shows is a beginning of it.
 */
export function watch(
  bases: readonly string[],
  run: Pick<RunView, 'eventsUrl'>,
  wholeText?: string,
): AtLeastOne<Following> {
  const [first, ...others] = bases.map((base) =>
    followRun({
      bases: [base],
      url: (origin) => `${origin}${run.eventsUrl}`,
      onEvent: (event, record) => {
        if (wholeText !== undefined && !wholeText.startsWith(record.text)) {
          throw new Error(
            `after ${event.id} the text is no beginning of the answer: ${JSON.stringify(record.text)}`,
          );
        }
      },
    }),
  );
  if (!first) throw new Error('a run is watched on at least one API process');
  return [first, ...others];
}

/** Waits until the reader has so many events; the answer is then under way. */
export async function underWay({ record }: Following, events = 8): Promise<void> {
  await vi.waitFor(() => expect(record.ids.length).toBeGreaterThanOrEqual(events), patience);
}

export async function allEnd([first, ...others]: AtLeastOne<Following>): Promise<AtLeastOne<RunRecord>> {
  await Promise.all([first, ...others].map((reader) => reader.done));
  return [first.record, ...others.map((reader) => reader.record)];
}

/**
 * Checks that a run came to one end, the same one everywhere: row, terminal event, history and every reader. Returns
 * what is stored.
 */
export async function expectOneEnd(
  stack: Stack,
  run: Pick<RunView, 'id' | 'conversationId' | 'messageId'>,
  readers: readonly RunRecord[] = [],
  redis: Redis = stack.redis,
): Promise<{ stored: StoredRun; log: LogEntry[]; message: Message }> {
  const stored = await storedEnd(stack, run.id);
  // Postgres comes first, the terminal event a moment later.
  const log = await vi.waitFor(async () => {
    const entries = await logEntries(stack, run.id, redis);
    expect(entries.filter(isTerminal), 'the log has one terminal event').toHaveLength(1);
    return entries;
  }, patience);
  const last = log.at(-1);
  expect(last, 'the terminal event is the last one').toMatchObject({
    type: stored.status,
    attempt: stored.attempt,
  });
  const attempt = log.filter((entry) => entry.attempt === stored.attempt);
  expect(attempt, 'nothing of an earlier attempt stands after the last one began').toEqual(
    log.slice(-attempt.length),
  );
  expect(attempt.map((entry) => entry.seq)).toEqual(attempt.map((_, index) => index));
  const attempts = log.map((entry) => entry.attempt);
  expect(attempts, 'attempts never go back').toEqual(attempts.toSorted((a, b) => a - b));

  const history = await getHistory(stack.apis.at(-1)?.url ?? '', run.conversationId);
  const message = history.messages.find((each) => each.id === run.messageId);
  if (!message) throw new Error('the answer is not in history');
  const text = attempt.map((entry) => (isTerminal(entry) ? '' : (entry.data.text ?? ''))).join('');
  expect(message).toMatchObject({ role: 'assistant', status: stored.status, text });
  for (const reader of readers) {
    expect(reader.violations).toEqual([]);
    expect(reader.terminal?.type).toBe(stored.status);
    expect(reader.terminal?.data['messageId']).toBe(run.messageId);
    expect(reader.text).toBe(message.text);
  }
  return { stored, log, message };
}
