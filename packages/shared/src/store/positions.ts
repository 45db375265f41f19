/** The line of waiting runs as one look sees it: who stands where, and how fast it moves. */
import { sql } from 'kysely';
import type { Store } from './database.ts';

/** One waiting run. The line has them in the order in which they will be dispatched. */
export interface WaitingRun {
  /** Only for runs that were asked for: the ids of all others would be most of the bytes. */
  readonly id: string | null;
  readonly priority: number;
  /** Order of acceptance. */
  readonly number: number;
}

/** The first `limit` waiting runs; the ids of those among `runIds` are named. */
export async function readLine(db: Store, runIds: readonly string[], limit: number): Promise<WaitingRun[]> {
  const { rows } = await sql<WaitingRun>`
    select asked.id, priority, number::float8 as number
    from runs left join unnest(${[...runIds]}::uuid[]) as asked (id) on asked.id = runs.id
    where phase = 'waiting'
    order by priority desc, pass, number
    limit ${limit}`.execute(db);
  return rows;
}

/** Fewer starts than this say nothing about how fast the queue moves. */
const startsMin = 10;

/** The average time from one start to the next in the last minute, or null. */
export async function msPerStart(db: Store): Promise<number | null> {
  const { rows } = await sql<{ starts: number | null; ms: number | null }>`
    select sum(runs)::int as starts, extract(epoch from now() - min(second))::float8 * 1000 as ms
    from dispatch_seconds where second > now() - interval '1 minute'`.execute(db);
  const { starts = null, ms = null } = rows[0] ?? {};
  return starts === null || ms === null || starts < startsMin ? null : ms / starts;
}

/** Which of these runs wait for their turn. */
export async function stillWaiting(db: Store, runIds: readonly string[]): Promise<string[]> {
  const rows = await db
    .selectFrom('runs')
    .select('id')
    .where('id', 'in', [...runIds])
    .where('phase', '=', 'waiting')
    .execute();
  return rows.map((row) => row.id);
}
