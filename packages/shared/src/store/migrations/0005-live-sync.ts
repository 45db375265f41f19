import { type Kysely, sql } from 'kysely';

/**
 * What happened, for each user in an order of their own. Written in the transaction of what happened, so that neither can
 * be there without the other. An event names its subject and carries no data: readers get the subject as it is when they
 * read, if they may still see it.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table user_feeds (
      user_id     uuid primary key references users on delete cascade,
      -- number of the newest event; its row lock puts the events of parallel transactions in order
      seq         bigint not null default 0,
      -- events up to this one were removed
      trimmed_to  bigint not null default 0
      -- updated with every event: room in its page keeps the new version beside the old one, and the index as it is
    ) with (fillfactor = 50)`.execute(db);
  await sql`insert into user_feeds (user_id) select id from users`.execute(db);

  await sql`
    create table user_events (
      user_id          uuid not null references users on delete cascade,
      seq              bigint not null,
      type             text not null,
      -- without foreign keys: that something was deleted is told after it is gone
      conversation_id  uuid not null,
      subject_id       uuid,
      created_at       timestamptz not null default now(),
      primary key (user_id, seq)
    )`.execute(db);
}
