/** What answers have cost: one row for each attempt, kept when its conversation is deleted. */
import { sql } from 'kysely';
import type { UsageReport } from '../http/usage.ts';
import type { Usage } from '../protocol/run-event.ts';
import type { Store } from './database.ts';
import type { HeldAttempt } from './run-lease.ts';

/** The attempts of a run whose workers died and whose cost nobody has written down, oldest first. */
export async function lostAttempts(db: Store, runId: string): Promise<number[]> {
  const rows = await db
    .selectFrom('run_attempts')
    .select('attempt')
    .where('run_id', '=', runId)
    .where('outcome', '=', 'lost')
    // What is written down of a lost attempt is always an estimate.
    .where('estimated', '=', false)
    .orderBy('attempt')
    .execute();
  return rows.map((row) => row.attempt);
}

/**
 * Writes down what a lost attempt has cost, and that the run's text is its, for as long as `holder` is the run's attempt.
 * Null: it had asked nobody.
 */
export async function settleLostAttempt(
  db: Store,
  { runId, attempt }: HeldAttempt,
  holder: number,
  usage: Usage | null,
): Promise<void> {
  await sql`
    with held as (
      update runs set usage = coalesce(${usage && JSON.stringify(usage)}::jsonb, usage)
      where id = ${runId} and attempt = ${holder} and status = 'running'
      returning id
    )
    update run_attempts set
      input_tokens = ${usage?.inputTokens ?? 0}, output_tokens = ${usage?.outputTokens ?? 0}, estimated = true
    from held
    where run_id = held.id and run_attempts.attempt = ${attempt} and outcome = 'lost'`.execute(db);
}

/** The usage of a user from day to day (UTC, both included), by day and model. Attempts count on the day that they end. */
export async function usageByDay(
  db: Store,
  userId: string,
  { from, to }: { from: string; to: string },
): Promise<UsageReport['days']> {
  const { rows } = await sql<{
    date: string;
    model: string;
    runs: number;
    attempts: number;
    inputTokens: string;
    outputTokens: string;
    estimated: boolean;
  }>`
    select to_char(ended_at at time zone 'UTC', 'YYYY-MM-DD') as date, model,
      count(distinct run_id)::int as runs, count(*)::int as attempts,
      sum(input_tokens::bigint) as "inputTokens", sum(output_tokens::bigint) as "outputTokens",
      bool_or(estimated) as estimated
    from run_attempts
    where user_id = ${userId}
      and ended_at >= ${from}::timestamp at time zone 'UTC'
      and ended_at < (${to}::timestamp + interval '1 day') at time zone 'UTC'
    group by 1, 2
    order by 1, 2`.execute(db);
  const days = new Map<string, UsageReport['days'][number]>();
  for (const { date, inputTokens, outputTokens, ...rest } of rows) {
    const day = days.get(date) ?? { date, models: [] };
    days.set(date, day);
    day.models.push({ ...rest, inputTokens: Number(inputTokens), outputTokens: Number(outputTokens) });
  }
  return [...days.values()];
}
