import { type Kysely, sql } from 'kysely';

/** What each attempt cost. Without foreign keys to the run: deleting a conversation does not give its tokens back. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table run_attempts (
      run_id         uuid not null,
      attempt        int not null,
      user_id        uuid not null references users on delete cascade,
      model          text not null,
      worker_id      text not null,
      started_at     timestamptz not null default now(),
      -- null while a worker is at it
      ended_at       timestamptz,
      -- lost: its worker died or lost the run
      outcome        text check (outcome in ('completed', 'failed', 'cancelled', 'handed_back', 'lost')),
      input_tokens   int not null default 0,
      output_tokens  int not null default 0,
      estimated      boolean not null default false,
      primary key (run_id, attempt),
      check ((outcome is null) = (ended_at is null))
    )`.execute(db);
  await sql`create index run_attempts_by_user on run_attempts (user_id, ended_at)`.execute(db);
}
