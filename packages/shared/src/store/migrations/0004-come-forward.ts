import { sql } from 'kysely';

/**
 * When a run has ended, the next one of its conversation is no longer `behind`.
 *
 * A trigger, and no part of the statement that ends the run: that statement may have waited for the conversation's row, and
 * does not see a run that was accepted meanwhile. What a trigger asks begins when the row is held, and sees all that was
 * accepted before; what is accepted later sees that the run has ended.
 *
 * Before the change and not after it: then feeds would be locked already, and whoever claims the next run waits for them
 * while it holds the run. So runs come before feeds here, too.
 */
export const comeForward = [
  sql`
  create function come_forward() returns trigger language plpgsql
  -- As for dispatch_runs: the index has the order, whatever the statistics say.
  set enable_sort = off set enable_seqscan = off
  as $$
  begin
    update runs set behind = false
    where behind and phase = 'waiting' and id = (
      select id from runs
      where conversation_id = new.conversation_id and status in ('queued', 'running') and id <> new.id
      order by number limit 1);
    return new;
  end $$`,
  sql`
  create trigger runs_come_forward before update of status on runs for each row
  when (old.status in ('queued', 'running') and new.status not in ('queued', 'running'))
  execute function come_forward()`,
];
