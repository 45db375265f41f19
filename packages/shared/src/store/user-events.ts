/**
 * The feed of a user: what happened in their conversations, numbered from 1 without gaps. Events are recorded in the
 * transaction of what happened, one row for each member; the feed's row lock puts parallel transactions in order, so
 * that whoever sees an event also sees all before it.
 *
 * After the commit, `FeedBell.ring` has them read at once.
 */
import { type RawBuilder, sql } from 'kysely';
import type { UserEventType } from '../protocol/user-event.ts';
import type { Store } from './database.ts';
import { planKept } from './kept-plans.ts';

/** One thing that happened in a conversation. */
export interface HappenedEvent {
  readonly type: UserEventType;
  /** The message or run that it is about. */
  readonly subjectId?: string;
  /** Tells these users instead of all members. */
  readonly userIds?: readonly string[];
}

/**
 * Records events for all members of a conversation, or for `userIds` only. Call it inside the transaction that makes
 * them true, and as its last statement: from here on the feeds of these users are locked. Call it once in a transaction:
 * feeds are locked in the order of user ids, and a second call would begin that order anew while it holds the first ones,
 * so that two such transactions could wait for each other.
 */
export async function recordEvents(
  trx: Store,
  conversationId: string,
  events: readonly HappenedEvent[],
  userIds?: readonly string[],
): Promise<void> {
  const rows = events.map((event, place) => ({
    type: event.type,
    subject_id: event.subjectId ?? null,
    user_ids: event.userIds ?? userIds ?? null,
    place,
  }));
  await sql`${planKept}
    with happened as (
      select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        as each (type text, subject_id uuid, user_ids uuid[], place int)
    ), told as (
      select user_id, ${conversationId}::uuid as conversation_id, type, subject_id, place
      from happened join members on user_ids is null and members.conversation_id = ${conversationId}
      union all
      select unnest(user_ids), ${conversationId}::uuid, type, subject_id, place
      from happened where user_ids is not null
    ), ${recordTold}
    select 1`.execute(trx);
}

/**
 * The same for statements that change runs: parts of a `with` that record one event of `type` for each row of `changed`
 * (runs, as `returning *` gives them) and all members of its conversation.
 */
export function recordRunEvent(changed: RawBuilder<unknown>, type: UserEventType): RawBuilder<unknown> {
  return sql`
    told as (
      select members.user_id, changed.conversation_id, ${type}::text as type, changed.id as subject_id,
             changed.number as place
      from ${changed} as changed join members on members.conversation_id = changed.conversation_id
    ), ${recordTold}`;
}

/**
 * For statements that make up the part `told` themselves: (user_id, conversation_id, type, subject_id, place), one row for
 * each event and user. In the order of user ids: two transactions that touch the same feeds in different orders would wait
 * for each other.
 */
export const recordTold: RawBuilder<unknown> = sql`
    numbered as (
      insert into user_feeds (user_id, seq)
      select user_id, count(*) from told group by user_id order by user_id
      on conflict (user_id) do update set seq = user_feeds.seq + excluded.seq
      returning user_id, seq
    ), recorded as (
      insert into user_events (user_id, seq, type, conversation_id, subject_id)
      select user_id,
             numbered.seq - count(*) over (partition by user_id)
               + row_number() over (partition by user_id order by place),
             type, conversation_id, subject_id
      from told join numbered using (user_id)
    )`;
