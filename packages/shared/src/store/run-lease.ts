/**
 * Runs as workers see them. A lease lets another worker take a run over when its holder falls silent; the attempt
 * number, raised by every claim and named by every write, makes that safe: whoever lost the run can change nothing.
 * All time arithmetic is Postgres': clocks of workers may differ.
 */
import { type RawBuilder, sql } from 'kysely';
import type { FailureCode } from '../protocol/error-code.ts';
import type { TerminalStatus } from '../protocol/run.ts';
import type { FinishReason, Usage } from '../protocol/run-event.ts';
import { searchTerms } from '../search/terms.ts';
import type { Store } from './database.ts';
import { planKept } from './kept-plans.ts';
import { besideClaim, besideEnd, claimChanges, endChanges, inMs } from './run-writes.ts';
import { indexText } from './search.ts';
import { recordRunEvent } from './user-events.ts';
import { type RunRow, runColumns } from './views.ts';

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
  const { rows } = await sql<RunRow>`${planKept}
    with claimed as (
      update runs set ${claimChanges(workerId, leaseMs)}
      where id = ${runId} and status in ('queued', 'running') and (lease_until is null or lease_until < now())
      returning *
    ), ${besideClaim}
    select ${runColumns} from claimed`.execute(db);
  return rows[0] ?? null;
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
  const { rows } = await sql`
    with released as (
      update runs set
        status = 'queued',
        worker_id = null,
        lease_until = null,
        not_before = ${inMs(delayMs)},
        rung_at = ${inMs(delayMs)},
        rings = 0,
        retries = retries + ${retry ? 1 : 0},
        usage = ${usage && JSON.stringify(usage)}::jsonb
      where id = ${runId} and attempt = ${attempt} and status = 'running' and cancel_requested_at is null
      returning *
    ), settled as (${settleAttempt(sql`released`, sql`'handed_back'`, usage)}),
    ${recordRunEvent(sql`released`, 'run.queued')}
    select id from released`.execute(db);
  return rows.length > 0;
}

/** The part of a statement that writes down what the attempt of a changed run has cost. */
function settleAttempt(
  changed: RawBuilder<unknown>,
  outcome: RawBuilder<unknown>,
  usage: Usage | null,
): RawBuilder<unknown> {
  return sql`
    update run_attempts set
      ended_at = now(), outcome = ${outcome}, input_tokens = ${usage?.inputTokens ?? 0},
      output_tokens = ${usage?.outputTokens ?? 0}, estimated = ${usage?.estimated ?? false}
    from ${changed} as changed
    where run_attempts.run_id = changed.id and run_attempts.attempt = changed.attempt
      and run_attempts.ended_at is null`;
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
  /** What the run is said to have cost. */
  readonly usage: Usage | null;
  /** What this attempt has cost; null: nothing. */
  readonly attemptUsage: Usage | null;
}

/**
 * Ends a run, for ever: status, answer, costs and the news of it in one statement, so that no crash leaves half of it. A
 * cancel that was accepted before turns any other end into `cancelled`. Returns the run as it ended, or null when the
 * attempt was lost: then nothing was written.
 */
export async function endRun(db: Store, outcome: RunOutcome): Promise<RunRow | null> {
  const { runId, attempt, from, attemptsToAdd, status, text, terminalSeq, usage, attemptUsage } = outcome;
  const terms = await searchTerms(text);
  const { rows } = await sql<RunRow>`${planKept}
    with shown as (
      -- Before the run, as whoever interrupts the runs of a conversation does it: they would wait for each other.
      select conversations.id from conversations join runs on runs.conversation_id = conversations.id
      where runs.id = ${runId} for no key update of conversations
    ), ended as (
      update runs set attempt = attempt + ${attemptsToAdd}, ${endChanges({
        status: sql`${status}`,
        failureCode: sql`${outcome.failureCode ?? null}`,
        finishReason: sql`${outcome.finishReason ?? null}`,
        terminalSeq: sql`${terminalSeq}`,
        usage: sql`${usage && JSON.stringify(usage)}`,
      })}
      from shown
      where runs.conversation_id = shown.id and runs.id = ${runId} and attempt = ${attempt} and status = ${from}
      returning runs.*
    ), answer as (
      update messages set text = ${text}, status = ended.status, created_at = now() from ended
      where messages.id = ended.message_id
    ), indexed as (${indexText(sql`ended`, terms)}
    ), freed_place as (
      -- It ended before its turn: the user's other runs may move up (closeGaps).
      insert into freed_places (user_id, priority, pass)
      select user_id, priority, pass from ended where dispatched_at is null
    ), settled as (${settleAttempt(sql`ended`, sql`changed.status`, attemptUsage)}),
    ${besideEnd}
    select ${runColumns} from ended`.execute(db);
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
        and dispatched_at is not null
        and (not_before is null or not_before < now())
        and rung_at < now() - least(${ringSecondsMax}, ${ringSecondsMin} * power(2, least(rings, 10))) * interval '1 second'
      order by rung_at limit ${limit}
      for update skip locked
    )
    returning id`.execute(db);
  return rows.map((row) => row.id);
}
