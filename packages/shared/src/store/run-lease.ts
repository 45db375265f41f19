/**
 * Runs as workers see them. A lease lets another worker take a run over when its holder falls silent; the attempt
 * number, raised by every claim and named by every write, makes that safe: whoever lost the run can change nothing.
 * All time arithmetic is Postgres': clocks of workers may differ.
 */
import { type RawBuilder, sql } from 'kysely';
import type { FailureCode } from '../protocol/error-code.ts';
import type { TerminalStatus } from '../protocol/run.ts';
import type { FinishReason, Usage } from '../protocol/run-event.ts';
import type { Store } from './database.ts';
import type { RunRow } from './views.ts';

const inMs = (ms: number): RawBuilder<Date> => sql<Date>`now() + ${ms} * interval '1 millisecond'`;

/**
 * Takes a run that nobody holds: raises its attempt and starts a lease. Returns it as it is now, or null when it has
 * ended or another worker's lease still runs. A run that is taken while `running` had lost its worker: that counts as
 * a crash.
 */
export async function claimRun(
  db: Store,
  runId: string,
  workerId: string,
  leaseMs: number,
): Promise<RunRow | null> {
  const run = await db
    .updateTable('runs')
    .set({
      attempt: sql`attempt + 1`,
      crashes: sql`crashes + (status = 'running')::int`,
      status: 'running',
      worker_id: workerId,
      lease_until: inMs(leaseMs),
      not_before: null,
      rings: 0,
      started_at: sql`coalesce(started_at, now())`,
    })
    .where('id', '=', runId)
    .where('status', 'in', ['queued', 'running'])
    .where((where) =>
      where.or([where('lease_until', 'is', null), where('lease_until', '<', sql<Date>`now()`)]),
    )
    .returningAll()
    .executeTakeFirst();
  return run ?? null;
}

/** One attempt at one run: what a worker holds. */
export interface HeldAttempt {
  readonly runId: string;
  readonly attempt: number;
}

/**
 * Renews the leases of all attempts that a worker holds, in one statement. Returns those that are still its own, each
 * with whether somebody wants it stopped; one that is missing is lost, and its holder must stop at once.
 */
export async function renewLeases(
  db: Store,
  held: readonly HeldAttempt[],
  leaseMs: number,
): Promise<(HeldAttempt & { cancelRequested: boolean })[]> {
  const { rows } = await sql<HeldAttempt & { cancelRequested: boolean }>`
    update runs set lease_until = ${inMs(leaseMs)}
    from unnest(${held.map((each) => each.runId)}::uuid[], ${held.map((each) => each.attempt)}::int[])
      as held (id, attempt)
    where runs.id = held.id and runs.attempt = held.attempt and runs.status = 'running'
    returning runs.id as "runId", runs.attempt, runs.cancel_requested_at is not null as "cancelRequested"
  `.execute(db);
  return rows;
}

/** Whether this is the run's newest attempt, whatever has become of it. */
export async function isNewestAttempt(db: Store, { runId, attempt }: HeldAttempt): Promise<boolean> {
  const run = await db.selectFrom('runs').select('attempt').where('id', '=', runId).executeTakeFirst();
  return run?.attempt === attempt;
}

/**
 * Gives a run back to the queue, to be claimed again after `delayMs`. `retry` counts it against the limit of upstream
 * failures; a worker that shuts down hands its runs back without that. Returns false when the attempt was lost, and when
 * somebody has stopped the run: it would wait for its retry only to be ended.
 */
export async function releaseRun(
  db: Store,
  { runId, attempt }: HeldAttempt,
  { delayMs, retry, usage }: { delayMs: number; retry: boolean; usage: Usage | null },
): Promise<boolean> {
  const released = await db
    .updateTable('runs')
    .set({
      status: 'queued',
      worker_id: null,
      lease_until: null,
      not_before: inMs(delayMs),
      rung_at: inMs(delayMs),
      rings: 0,
      retries: sql`retries + ${retry ? 1 : 0}`,
      usage: usage && JSON.stringify(usage),
    })
    .where('id', '=', runId)
    .where('attempt', '=', attempt)
    .where('status', '=', 'running')
    .where('cancel_requested_at', 'is', null)
    .returning('id')
    .executeTakeFirst();
  return released !== undefined;
}

export interface RunOutcome extends HeldAttempt {
  /** `queued` only for a run that no worker holds. */
  readonly from: 'running' | 'queued';
  /** 1 when the end is written under an attempt number of its own. */
  readonly attemptsToAdd: 0 | 1;
  readonly status: TerminalStatus;
  /** The whole text that was produced. */
  readonly text: string;
  /** Place of the terminal event in the run log. */
  readonly terminalSeq: number;
  readonly failureCode?: FailureCode;
  readonly finishReason?: FinishReason;
  readonly usage: Usage | null;
}

/**
 * Ends a run, for ever: status, answer and the conversation's newest message in one statement, so that no crash leaves
 * half of it. A cancel that was accepted before turns any other end into `cancelled`. Returns the run as it ended, or
 * null when the attempt was lost: then nothing was written.
 */
export async function endRun(db: Store, outcome: RunOutcome): Promise<RunRow | null> {
  const { runId, attempt, from, attemptsToAdd, status, text, terminalSeq, usage } = outcome;
  const { rows } = await sql<RunRow>`
    with ended as (
      update runs set
        status = case when cancel_requested_at is null then ${status} else 'cancelled' end,
        failure_code = case when cancel_requested_at is null then ${outcome.failureCode ?? null} end,
        finish_reason = case when cancel_requested_at is null then ${outcome.finishReason ?? null} end,
        attempt = attempt + ${attemptsToAdd},
        terminal_seq = ${terminalSeq},
        usage = ${usage && JSON.stringify(usage)}::jsonb,
        lease_until = null,
        not_before = null,
        finished_at = now()
      where id = ${runId} and attempt = ${attempt} and status = ${from}
      returning *
    ), answer as (
      insert into messages (id, conversation_id, parent_id, role, text, run_id, status)
      select message_id, conversation_id, prompt_message_id, 'assistant', ${text}, id, status from ended
    ), shown as (
      update conversations set leaf_id = ended.message_id, updated_at = now()
      from ended
      where conversations.id = ended.conversation_id and conversations.leaf_id = ended.prompt_message_id
    )
    select * from ended`.execute(db);
  return rows[0] ?? null;
}

/** The first wait before a worker is woken again for a run that nobody took, and the longest, in seconds. */
const ringSecondsMin = 3;
const ringSecondsMax = 60;

/**
 * Runs that nobody holds and nobody was woken for lately: their job was never added, was lost with Redis, or its worker
 * died. Each call takes up to `limit` and puts them off, longer each time, so that a long queue is not multiplied.
 * Several sweepers share the work (`skip locked`).
 */
export async function runsToRing(db: Store, limit: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    update runs set rung_at = now(), rings = rings + 1
    where id in (
      select id from runs
      where status in ('queued', 'running')
        and (lease_until is null or lease_until < now())
        and (not_before is null or not_before < now())
        and rung_at < now() - least(${ringSecondsMax}, ${ringSecondsMin} * power(2, least(rings, 10))) * interval '1 second'
      order by rung_at limit ${limit}
      for update skip locked
    )
    returning id`.execute(db);
  return rows.map((row) => row.id);
}
