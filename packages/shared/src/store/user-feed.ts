/** Reading feeds: where they stand, what they hold after a position, and when their old part may go. */
import { sql } from 'kysely';
import type { UserEventType } from '../protocol/user-event.ts';
import { inSnapshot, type Store } from './database.ts';
import { planKept } from './kept-plans.ts';

/** Events of one page. */
export const pageEventsMax = 100;

/** Text of the messages of one page, in bytes; one message may have more. A reader takes them one page after another. */
export const pageTextBytesMax = 256 * 1024;

/** One entry of a feed as it was recorded. */
export interface RecordedUserEvent {
  readonly seq: number;
  readonly type: UserEventType;
  readonly conversationId: string;
  readonly subjectId: string | null;
}

/** How far a feed reaches: from the event after `trimmedTo` to the event `head`. */
export interface FeedReach {
  readonly head: number;
  readonly trimmedTo: number;
}

export interface RecordedPage extends FeedReach {
  readonly events: readonly RecordedUserEvent[];
  /** Whether more is known to follow. */
  readonly more: boolean;
}

/** The members of these conversations, each once. */
export async function membersOf(db: Store, conversationIds: readonly string[]): Promise<string[]> {
  const rows = await db
    .selectFrom('members')
    .select('user_id')
    .modifyFront(planKept)
    .distinct()
    .where('conversation_id', '=', sql<string>`any(${[...conversationIds]}::uuid[])`)
    .execute();
  return rows.map((row) => row.user_id);
}

/** The numbers of the newest events of these users. */
export async function feedHeads(db: Store, userIds: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await sql<{ user_id: string; seq: number }>`
    select user_id, seq::float8 as seq from user_feeds where user_id = any(${[...userIds]}::uuid[])`.execute(
    db,
  );
  return new Map(rows.map((row) => [row.user_id, row.seq]));
}

/** The events after `after`, oldest first. One statement: what it says of the reach holds for what it returns. */
export async function readFeed(db: Store, userId: string, after: number): Promise<RecordedPage> {
  const { rows } = await sql<{
    head: number;
    trimmedTo: number;
    seq: number | null;
    type: UserEventType;
    conversationId: string;
    subjectId: string | null;
    textBytes: number;
  }>`
    select feed.seq::float8 as head, feed.trimmed_to::float8 as "trimmedTo", event.*
    from user_feeds feed left join lateral (
      select user_events.seq::float8 as seq, user_events.type, user_events.conversation_id as "conversationId",
             subject_id as "subjectId", coalesce(octet_length(messages.text), 0) as "textBytes"
      from user_events
        left join runs on user_events.type = 'run.ended' and runs.id = subject_id
        left join messages on messages.id = coalesce(runs.message_id, subject_id)
      where user_events.user_id = feed.user_id and user_events.seq > ${after}
      order by user_events.seq limit ${pageEventsMax}
    ) event on true
    where feed.user_id = ${userId}
    order by event.seq`.execute(db);
  const { head = 0, trimmedTo = 0 } = rows[0] ?? {};
  const events: RecordedUserEvent[] = [];
  let textBytes = 0;
  for (const { seq, type, conversationId, subjectId, ...row } of rows) {
    if (seq === null) break;
    textBytes += row.textBytes;
    if (textBytes > pageTextBytesMax && events.length > 0) break;
    events.push({ seq, type, conversationId, subjectId });
  }
  return { head, trimmedTo, events, more: (events.at(-1)?.seq ?? head) < head };
}

/** A run that has not ended, or that a cursor names. */
export interface OpenRun {
  readonly id: string;
  readonly conversationId: string;
  readonly userId: string;
  readonly status: string;
}

export interface FeedOpening extends FeedReach {
  /** The conversations among those asked for that the user may see. */
  readonly visible: readonly string[];
  /** Of these: the runs that have not ended, and those asked for by id. Besides: those of this user that wait. */
  readonly runs: readonly OpenRun[];
}

/** Runs of one opening. Beyond it, a run is followed from the event that says that it has started. */
const openRunsMax = 200;

/**
 * What a connection begins with, seen at one moment: every run here was recorded as queued at or before `head`.
 * `follow`: conversations; `runIds`: runs of theirs that are wanted even if they have ended.
 */
export function openFeed(
  db: Store,
  userId: string,
  follow: readonly string[],
  runIds: readonly string[],
): Promise<FeedOpening> {
  return inSnapshot(db, async (trx) => {
    const reach = await trx
      .selectFrom('user_feeds')
      .select(['seq', 'trimmed_to'])
      .where('user_id', '=', userId)
      .executeTakeFirst();
    const visible = await visibleConversations(trx, userId, follow);
    const { rows } = await sql<OpenRun>`
        select runs.id, runs.conversation_id as "conversationId", runs.user_id as "userId", runs.status
        from runs
          join members on members.conversation_id = runs.conversation_id and members.user_id = ${userId}
          join conversations on conversations.id = runs.conversation_id and deleted_at is null
        where (runs.conversation_id = any(${visible}::uuid[])
               and (status in ('queued', 'running') or runs.id = any(${[...runIds]}::uuid[])))
           or (runs.user_id = ${userId} and status = 'queued')
        order by runs.id = any(${[...runIds]}::uuid[]) desc, status desc, number limit ${openRunsMax}`.execute(
      trx,
    );
    return {
      head: Number(reach?.seq ?? 0),
      trimmedTo: Number(reach?.trimmed_to ?? 0),
      visible,
      runs: rows,
    };
  });
}

/** Which of these conversations the user may see. */
export async function visibleConversations(
  db: Store,
  userId: string,
  conversationIds: readonly string[],
): Promise<string[]> {
  if (conversationIds.length === 0) return [];
  const rows = await db
    .selectFrom('members')
    .innerJoin('conversations', 'conversations.id', 'members.conversation_id')
    .select('conversations.id')
    .where('members.user_id', '=', userId)
    .where('conversations.id', 'in', [...conversationIds])
    .where('conversations.deleted_at', 'is', null)
    .execute();
  return rows.map((row) => row.id);
}

/** A client that was away for a while, or for a night in a quiet account, goes on without reading everything again. */
const keptEventsMin = 1_000;
const keptHours = 1;

/** Feeds that one statement trims: none waits long for its lock. */
const trimmedFeedsMax = 100;

/**
 * Removes the events of all feeds that are neither among the newest 1,000 nor of the last hour. Safe to run anywhere at
 * any time: a feed that is being written to or trimmed is left for the next time.
 */
export async function trimFeeds(db: Store): Promise<void> {
  for (;;) {
    const { rows } = await sql`
      with due as (
        select feed.user_id, kept.trim_to
        from user_feeds feed cross join lateral (
          select least(feed.seq - ${keptEventsMin}, (
            select min(young.seq) - 1 from user_events young
            where young.user_id = feed.user_id and young.created_at > now() - ${keptHours} * interval '1 hour'
          )) as trim_to
        ) kept
        where feed.seq - feed.trimmed_to > ${keptEventsMin} and kept.trim_to > feed.trimmed_to
        limit ${trimmedFeedsMax}
        for update of feed skip locked
      ), removed as (
        delete from user_events using due
        where user_events.user_id = due.user_id and user_events.seq <= due.trim_to
      )
      update user_feeds set trimmed_to = due.trim_to from due where user_feeds.user_id = due.user_id
      returning user_feeds.user_id`.execute(db);
    if (rows.length < trimmedFeedsMax) return;
  }
}
