/**
 * The order in which runs are answered: start-time fair queueing. Each run gets a virtual time when it is accepted: one
 * step (1 / weight) after its user's newest unfinished run, but not before the time that the queue has come to. So a user
 * with 500 waiting runs stands 500 times in line, and another's first run before all but the first of them.
 *
 * The time that the queue has come to is the newest that was dispatched, or that of the first run that still waits if it is
 * older: runs are passed over while an earlier one of their conversation is answered, and when their turn comes at last
 * they must not all go before somebody who has just come.
 *
 * waiting     queued, `dispatched_at` is null: only its place is known
 * dispatched  given to the workers through BullMQ; it counts against the limits until it has ended
 */
import { type RawBuilder, sql } from 'kysely';
import type { UserLimits } from '../http/limits.ts';
import type { Store } from './database.ts';
import { planKept } from './kept-plans.ts';

/**
 * The pass of the next run of a user, as an SQL expression. The caller holds the user's lock (`lockUser`) since an earlier
 * statement, or two runs would share a place.
 */
export function nextPass(userId: string, limits: UserLimits): RawBuilder<number> {
  return passAfter(userId, limits.priority ?? 0, 1 / (limits.weight ?? 1));
}

/** The same from values, or from columns of a statement for many users. */
export function passAfter(
  userId: string | RawBuilder<unknown>,
  priority: number | RawBuilder<unknown>,
  step: number | RawBuilder<unknown>,
): RawBuilder<number> {
  return sql<number>`greatest(
    0,
    least(
      (select virtual_time from fair_queue where fair_queue.priority = ${priority}),
      (select pass from runs where phase = 'waiting' and runs.priority = ${priority} order by pass, number limit 1)),
    (select max(pass) + ${step}::float8 from runs
     where runs.user_id = ${userId} and runs.priority = ${priority} and status in ('queued', 'running')))`;
}

/** Until the transaction ends, no other one accepts work of this user: places and allowances are taken one after the other. */
export async function lockUser(trx: Store, userId: string): Promise<void> {
  await sql`${planKept} select ${userLock(userId)}`.execute(trx);
}

/** The same as a column of a statement that has something else to do before. */
export const userLock = (userId: string): RawBuilder<unknown> =>
  sql`pg_advisory_xact_lock(${userLockKey(userId)})`;

/** The number of a user's lock; of a value, or of a column with the id as text. */
export const userLockKey = (userId: string | RawBuilder<unknown>): RawBuilder<unknown> =>
  sql`hashtextextended(${userId}::text, 1)`;

/** How many runs may be in flight at a time; runs that wait for a retry count, too. */
export interface FlightLimits {
  /** Of one user for whom nothing else is set. */
  readonly runsPerUserMax: number;
  readonly modelRunsMax: ModelRunsMax;
}

/** Limits by model; `other` is that of each model that is not named. No entry: as many as there are places. */
export type ModelRunsMax = Readonly<Record<string, number>>;

/**
 * Dispatches as many runs as there are free places, in order, and returns their ids in this order. Whoever calls rings for
 * them. Passed over are runs whose conversation has an earlier one that has not ended, and those of users and models that
 * are at their limit. Any number of processes may call it at once: together they never dispatch more than there are places.
 */
export async function dispatchRuns(db: Store, limits: FlightLimits): Promise<string[]> {
  const { other = null, ...models } = limits.modelRunsMax;
  const { rows } = await sql<{ id: string }>`${planKept}
    select id from dispatch_runs(${limits.runsPerUserMax}::int, ${JSON.stringify(models)}::jsonb, ${other}::int)
      with ordinality as dispatched (id, place)
    order by place`.execute(db);
  return rows.map((row) => row.id);
}

/**
 * Lets the runs of a user who has stopped some before their turn move up: the next run takes over the place that became
 * free, the one behind it that one's, and the last place vanishes. So nobody waits for what they have stopped, and nobody
 * else falls back: in each place that is left stands a run that was accepted no earlier than the one before.
 */
export async function closeGaps(db: Store): Promise<void> {
  await sql`
    with freed as (
      delete from freed_places returning user_id, priority, pass
    ), waiting as materialized (
      select id, user_id, priority, pass, number from runs
      where (user_id, priority) in (select user_id, priority from freed) and status = 'queued' and phase = 'waiting'
      -- A row that somebody is changing keeps its place; to wait for it could be to wait for each other.
      for no key update skip locked
    ), ranked as (
      select *, row_number() over (partition by user_id, priority order by pass, number) as nth from waiting
    ), places as (
      select *, row_number() over (partition by user_id, priority order by pass) as nth
      from (select user_id, priority, pass from waiting union all select user_id, priority, pass from freed) as all_places
    )
    update runs set pass = places.pass
    from ranked join places using (user_id, priority, nth)
    where runs.id = ranked.id and runs.pass > places.pass`.execute(db);
}
