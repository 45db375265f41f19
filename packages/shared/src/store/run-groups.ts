/**
 * Claims and ends of many runs in one statement each (grouped.ts), with the same words and guards as those of one run in
 * run-lease.ts. The statements wait for no lock: what somebody else has locked (a conversation, a run, the feed of a
 * member) is left out, and then done alone. So they cannot wait for each other in a circle, nor one run for what holds up
 * another.
 */
import { type RawBuilder, sql } from 'kysely';
import { searchTerms } from '../search/terms.ts';
import type { Store } from './database.ts';
import { createGrouped } from './grouped.ts';
import { planKept } from './kept-plans.ts';
import { claimRun, endRun, type RunOutcome } from './run-lease.ts';
import { besideClaim, besideEnd, claimChanges, endChanges } from './run-writes.ts';
import { indexTexts } from './search.ts';
import { type RunRow, runColumns } from './views.ts';

export interface RunGroups {
  /** As `claimRun`. */
  claim(runId: string): Promise<RunRow | null>;
  /** As `endRun`, for a run that this worker holds. */
  end(outcome: HeldOutcome): Promise<RunRow | null>;
}

export type HeldOutcome = RunOutcome & { readonly from: 'running'; readonly attemptsToAdd: 0 };

/** The claims and ends of one worker. */
export function createRunGroups(store: Store, workerId: string, leaseMs: number): RunGroups {
  const claim = createGrouped<string, RunRow | null>({
    together: (runIds) => claimRuns(store, runIds, workerId, leaseMs),
    alone: (runId) => claimRun(store, runId, workerId, leaseMs),
  });
  const end = createGrouped<HeldOutcome, RunRow | null>({
    together: (outcomes) => endRuns(store, outcomes),
    alone: (outcome) => endRun(store, outcome),
    charsOf: ({ text }) => text.length,
  });
  return { claim, end };
}

/**
 * Of the runs in `wanted` (id, conversation_id), all locked, those whose members' feeds could be locked, too: parts `feeds`
 * and `ready` (id) of a `with`. Feeds are the last of all locks, and a transaction that stands still may hold one.
 */
const withFeeds: RawBuilder<unknown> = sql`
    feeds as materialized (
      select user_id from user_feeds
      where user_id in (select user_id from members join wanted using (conversation_id))
      for no key update skip locked
    ), ready as materialized (
      select id from wanted where not exists (
        select from members
        where members.conversation_id = wanted.conversation_id and members.user_id not in (select user_id from feeds))
    )`;

/** A run's end as it was given. After a pause a worker may hold two attempts at one run. */
const sameAttempt: RawBuilder<unknown> = sql`given.run_id = ended.id and given.attempt = ended.attempt`;

async function claimRuns(
  db: Store,
  runIds: readonly string[],
  workerId: string,
  leaseMs: number,
): Promise<(RunRow | undefined)[]> {
  const { rows } = await sql<RunRow>`${planKept}
    with wanted as materialized (
      select id, conversation_id from runs
      where id = any(${runIds}::uuid[]) and status in ('queued', 'running')
        and (lease_until is null or lease_until < now())
      for no key update skip locked
    ), ${withFeeds}, claimed as (
      update runs set ${claimChanges(workerId, leaseMs)}
      from ready where runs.id = ready.id
      returning runs.*
    ), ${besideClaim}
    select ${runColumns} from claimed`.execute(db);
  const claimed = new Map(rows.map((row) => [row.id, row]));
  return runIds.map((runId) => {
    const run = claimed.get(runId);
    // Who asks twice for one run gets it once.
    claimed.delete(runId);
    return run;
  });
}

async function endRuns(db: Store, outcomes: readonly HeldOutcome[]): Promise<(RunRow | undefined)[]> {
  const terms = await Promise.all(outcomes.map(({ text }) => searchTerms(text)));
  const each = <T>(read: (outcome: HeldOutcome) => T): T[] => outcomes.map(read);
  const { rows } = await sql<RunRow>`${planKept}
    with given as materialized (
      select * from unnest(
        ${each((one) => one.runId)}::uuid[], ${each((one) => one.attempt)}::int[],
        ${each((one) => one.status)}::text[], ${each((one) => one.failureCode ?? null)}::text[],
        ${each((one) => one.finishReason ?? null)}::text[], ${each((one) => one.terminalSeq)}::int[],
        ${each(({ usage }) => usage && JSON.stringify(usage))}::text[], ${each((one) => one.text)}::text[],
        ${terms}::text[], ${each((one) => one.attemptUsage?.inputTokens ?? 0)}::int[],
        ${each((one) => one.attemptUsage?.outputTokens ?? 0)}::int[],
        ${each((one) => one.attemptUsage?.estimated ?? false)}::boolean[]
      ) as given (run_id, attempt, status, failure_code, finish_reason, terminal_seq, usage, answer, terms,
                  input_tokens, output_tokens, estimated)
    ), shown as materialized (
      -- Before the runs, as everybody does it.
      select conversations.id from conversations
      where id in (select conversation_id from runs join given on runs.id = given.run_id)
      for no key update skip locked
    ), wanted as materialized (
      select runs.id, runs.conversation_id
      from given join runs on runs.id = given.run_id and runs.attempt = given.attempt and runs.status = 'running'
      where runs.conversation_id in (select id from shown)
      for no key update of runs skip locked
    ), ${withFeeds}, ended as (
      update runs set ${endChanges({
        status: sql`given.status`,
        failureCode: sql`given.failure_code`,
        finishReason: sql`given.finish_reason`,
        terminalSeq: sql`given.terminal_seq`,
        usage: sql`given.usage`,
      })}
      from ready join given on given.run_id = ready.id
      where runs.id = ready.id and runs.attempt = given.attempt and runs.status = 'running'
      returning runs.*
    ), answers as (
      update messages set text = given.answer, status = ended.status, created_at = now()
      from ended join given on ${sameAttempt}
      where messages.id = ended.message_id
    ), indexed as (${indexTexts(
      sql`(select conversation_id, message_id, given.terms from ended join given on ${sameAttempt})`,
    )}
    ), settled as (
      update run_attempts set
        ended_at = now(), outcome = ended.status, input_tokens = given.input_tokens,
        output_tokens = given.output_tokens, estimated = given.estimated
      from ended join given on ${sameAttempt}
      where run_attempts.run_id = ended.id and run_attempts.attempt = ended.attempt and run_attempts.ended_at is null
    ), ${besideEnd}
    select ${runColumns} from ended`.execute(db);
  return outcomes.map(({ runId, attempt }) =>
    rows.find((row) => row.id === runId && row.attempt === attempt),
  );
}
