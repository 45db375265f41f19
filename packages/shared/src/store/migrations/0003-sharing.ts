import { type Kysely, sql } from 'kysely';

/** Conversations belong to their members; answers have their row from the beginning, so that messages can follow them. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table members (
      conversation_id  uuid not null references conversations on delete cascade,
      user_id          uuid not null references users on delete cascade,
      role             text not null check (role in ('owner', 'writer', 'reader')),
      -- each member's own order, nobody else's
      pinned_at        timestamptz,
      archived_at      timestamptz,
      created_at       timestamptz not null default now(),
      primary key (conversation_id, user_id)
    )`.execute(db);
  await sql`create index members_by_user on members (user_id)`.execute(db);
  await sql`insert into members (conversation_id, user_id, role) select id, user_id, 'owner' from conversations`.execute(
    db,
  );

  await sql`
    create table invitations (
      id               uuid primary key,
      conversation_id  uuid not null references conversations on delete cascade,
      token_hash       text not null unique,
      role             text not null check (role in ('writer', 'reader')),
      created_by       uuid references users on delete set null,
      created_at       timestamptz not null default now(),
      expires_at       timestamptz not null
    )`.execute(db);
  await sql`create index invitations_by_conversation on invitations (conversation_id)`.execute(db);

  // Whom an owner has removed: invitations made before that moment do not let them in again.
  await sql`
    create table removed_members (
      conversation_id  uuid not null references conversations on delete cascade,
      user_id          uuid not null references users on delete cascade,
      removed_at       timestamptz not null default clock_timestamp(),
      primary key (conversation_id, user_id)
    )`.execute(db);

  await sql`
    create table public_links (
      conversation_id  uuid primary key references conversations on delete cascade,
      -- not hashed: the owner copies the link again, and it opens only what the owner has made public
      token            text not null unique,
      created_at       timestamptz not null default now()
    )`.execute(db);

  await sql`
    alter table messages
      add column author_id uuid references users on delete set null,
      drop constraint messages_status_check`.execute(db);
  // pending: the answer of a run that has not ended; nobody is shown it
  await sql`
    alter table messages add constraint messages_status_check
      check (status in ('pending', 'completed', 'failed', 'cancelled'))`.execute(db);
  await sql`
    update messages set author_id = conversations.user_id from conversations
    where conversations.id = messages.conversation_id and messages.role = 'user'`.execute(db);
  await sql`
    insert into messages (id, conversation_id, parent_id, role, text, run_id, status)
    select message_id, conversation_id, prompt_message_id, 'assistant', '', id, 'pending'
    from runs where status in ('queued', 'running')`.execute(db);
  await sql`
    update conversations set leaf_id = runs.message_id from runs
    where conversations.leaf_id = runs.prompt_message_id and runs.conversation_id = conversations.id
      and runs.status in ('queued', 'running')`.execute(db);

  await sql`
    alter table conversations
      drop column user_id,
      -- who wrote the title: a person's is never overwritten by the model's
      add column title_by    text check (title_by in ('user', 'model')),
      -- hidden from everybody at once; removed as soon as its runs have ended
      add column deleted_at  timestamptz`.execute(db);
  await sql`update conversations set title_by = 'user' where title is not null`.execute(db);
  await sql`create index conversations_deleted on conversations (deleted_at) where deleted_at is not null`.execute(
    db,
  );
}
