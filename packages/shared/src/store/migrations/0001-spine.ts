import { type Kysely, sql } from 'kysely';
import { localUserId } from '../local-user.ts';

/** Users, conversations, messages, runs and idempotency keys. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table users (
      id          uuid primary key,
      name        text not null,
      created_at  timestamptz not null default now()
    )`.execute(db);
  await sql`insert into users (id, name) values (${localUserId}, 'Local user')`.execute(db);

  await sql`
    create table conversations (
      id             uuid primary key,
      user_id        uuid not null references users on delete cascade,
      title          text,
      system_prompt  text,
      model          text,
      parameters     jsonb not null default '{}',
      -- the newest message of the branch that is shown
      leaf_id        uuid,
      created_at     timestamptz not null default now(),
      updated_at     timestamptz not null default now()
    )`.execute(db);
  await sql`create index conversations_by_user on conversations (user_id, updated_at desc, id desc)`.execute(
    db,
  );

  await sql`
    create table messages (
      id               uuid primary key,
      conversation_id  uuid not null references conversations on delete cascade,
      parent_id        uuid references messages on delete cascade,
      role             text not null check (role in ('user', 'assistant')),
      text             text not null,
      run_id           uuid,
      status           text not null check (status in ('completed', 'failed', 'cancelled')),
      created_at       timestamptz not null default now()
    )`.execute(db);
  await sql`create index messages_by_conversation on messages (conversation_id)`.execute(db);
  await sql`create index messages_by_parent on messages (parent_id)`.execute(db);

  await sql`
    create table runs (
      id                   uuid primary key,
      conversation_id      uuid not null references conversations on delete cascade,
      user_id              uuid not null references users on delete cascade,
      prompt_message_id    uuid not null references messages on delete cascade,
      -- the id that the answer will have, known to readers before the answer exists
      message_id           uuid not null,
      model                text not null,
      parameters           jsonb not null default '{}',
      status               text not null default 'queued'
                           check (status in ('queued', 'running', 'completed', 'failed', 'cancelled')),
      -- the write fence: raised by every claim, never lowered
      attempt              int not null default 0,
      -- attempts whose worker vanished, and attempts that the upstream broke off: each has its own limit
      crashes              int not null default 0,
      retries              int not null default 0,
      worker_id            text,
      -- until when the worker owns the run, by this database's clock; null: nobody does
      lease_until          timestamptz,
      -- a retry waits until then
      not_before           timestamptz,
      -- when a worker was last woken for it, and how often in vain: the sweeper backs off by these
      rung_at              timestamptz not null default now(),
      rings                int not null default 0,
      cancel_requested_at  timestamptz,
      -- place of the terminal event in the run log, so that it can be told when the log is gone
      terminal_seq         int,
      failure_code         text,
      finish_reason        text,
      usage                jsonb,
      created_at           timestamptz not null default now(),
      started_at           timestamptz,
      finished_at          timestamptz,
      check ((status in ('completed', 'failed', 'cancelled')) = (terminal_seq is not null))
    )`.execute(db);
  await sql`create index runs_unfinished on runs (rung_at) where status in ('queued', 'running')`.execute(db);
  await sql`create index runs_unfinished_by_conversation on runs (conversation_id)
            where status in ('queued', 'running')`.execute(db);
  await sql`create index runs_by_conversation on runs (conversation_id)`.execute(db);

  await sql`
    create table idempotency_keys (
      user_id       uuid not null references users on delete cascade,
      key           text not null,
      request_hash  text not null,
      response      jsonb,
      created_at    timestamptz not null default now(),
      primary key (user_id, key)
    )`.execute(db);
  await sql`create index idempotency_keys_by_age on idempotency_keys (created_at)`.execute(db);
}
