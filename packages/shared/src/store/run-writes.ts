/**
 * What the writes of one run (accept-run.ts, run-lease.ts) and those of many (accept-groups.ts, run-groups.ts) have in common:
 * how a run changes, and what is written beside it. They differ in what they lock and whom they wait for.
 */
import { type RawBuilder, sql } from 'kysely';
import { recordRunEvent, recordTold } from './user-events.ts';

/** So long from now on, by Postgres' clock. */
export const inMs = (ms: number): RawBuilder<Date> => sql<Date>`now() + ${ms} * interval '1 millisecond'`;

/**
 * Parts of a `with` beside `run`, which has stored runs: the rows of their answers, the branch that is shown, and the news.
 * `addedMessageId`: the message that was stored with it, or null.
 */
export const besideStoredRun = (addedMessageId: RawBuilder<unknown>): RawBuilder<unknown> => sql`
    answer as (
      insert into messages (id, conversation_id, parent_id, role, text, run_id, status)
      select message_id, conversation_id, prompt_message_id, 'assistant', '', id, 'pending' from run
    ), shown as (
      update conversations set leaf_id = run.message_id, updated_at = now() from run
      where conversations.id = run.conversation_id
    ), told as (
      select members.user_id, run.conversation_id, happened.type, happened.subject_id, happened.place
      from run
        cross join lateral (values
          ('message.added', ${addedMessageId}, 1), ('run.queued', run.id, 2)
        ) as happened (type, subject_id, place)
        join members on members.conversation_id = run.conversation_id
      where happened.subject_id is not null
    ), ${recordTold}`;

/** How a run changes that a worker takes. */
export const claimChanges = (workerId: string, leaseMs: number): RawBuilder<unknown> => sql`
        attempt = attempt + 1,
        crashes = crashes + (status = 'running')::int,
        status = 'running',
        worker_id = ${workerId},
        lease_until = ${inMs(leaseMs)},
        not_before = null,
        rings = 0,
        dispatched_at = coalesce(dispatched_at, now()),
        started_at = coalesce(started_at, now())`;

/** Parts of a `with` beside `claimed`: the attempt that was lost, the one that begins, and the news. */
export const besideClaim: RawBuilder<unknown> = sql`
    lost as (
      update run_attempts set ended_at = now(), outcome = 'lost' from claimed
      where run_attempts.run_id = claimed.id and run_attempts.ended_at is null
    ), begun as (
      insert into run_attempts (run_id, attempt, user_id, model, worker_id)
      select id, attempt, user_id, model, worker_id from claimed
    ), ${recordRunEvent(sql`claimed`, 'run.started')}`;

/** How a run changes that ends: a cancel that was accepted before turns any other end into `cancelled`. */
export const endChanges = (end: {
  readonly status: RawBuilder<unknown>;
  readonly failureCode: RawBuilder<unknown>;
  readonly finishReason: RawBuilder<unknown>;
  readonly terminalSeq: RawBuilder<unknown>;
  readonly usage: RawBuilder<unknown>;
}): RawBuilder<unknown> => sql`
        status = case when cancel_requested_at is null then ${end.status} else 'cancelled' end,
        failure_code = case when cancel_requested_at is null then ${end.failureCode} end,
        finish_reason = case when cancel_requested_at is null then ${end.finishReason} end,
        terminal_seq = ${end.terminalSeq},
        usage = ${end.usage}::jsonb,
        lease_until = null,
        not_before = null,
        reserved_tokens = 0,
        finished_at = now()`;

/** Parts of a `with` beside `ended`: what changes of the conversations, and the news. */
export const besideEnd: RawBuilder<unknown> = sql`
    changed_conversation as (
      update conversations set
        updated_at = now(),
        -- titles.ts
        title_due_at = case when title is null and title_tries = 0 and ended.status = 'completed' then now() else title_due_at end
      from ended where conversations.id = ended.conversation_id
    ), ${recordRunEvent(sql`ended`, 'run.ended')}`;
