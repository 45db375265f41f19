import { sql } from 'kysely';
import type { QueueState } from '../http/queue.ts';
import type { Store } from './database.ts';

/** Users that are named: enough to see who fills the queue. */
const usersMax = 20;

/** What waits, what runs and who answers, in one snapshot. For people who look after the server. */
export async function queueState(db: Store): Promise<QueueState> {
  const { rows } = await sql<QueueState>`
    with by_user as (
      select user_id, count(*)::int as waiting from runs where phase = 'waiting' group by user_id
    ), by_worker as (
      select worker_id, count(*)::int as running from runs
      where phase = 'in_flight' and status = 'running' group by worker_id
    )
    select
      (select coalesce(sum(waiting), 0)::int from by_user) as waiting,
      (select coalesce(sum(running), 0)::int from by_worker) as running,
      (select coalesce(json_agg(json_build_object(
          'id', id, 'concurrency', concurrency, 'running', coalesce(running, 0),
          'seenAt', to_char(seen_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) order by id), '[]')
        from workers left join by_worker on worker_id = id where live_until > now()) as workers,
      (select coalesce(json_agg(json_build_object('userId', id, 'name', name, 'waiting', waiting)
          order by waiting desc, id), '[]')
        from (
          select users.id, users.name, waiting from by_user join users on users.id = user_id
          order by waiting desc, users.id limit ${usersMax}
        ) as most) as "waitingByUser"`.execute(db);
  const [state] = rows;
  if (!state) throw new Error('a select without a from gives one row');
  return state;
}
