import { randomBytes } from 'node:crypto';
import { type Kysely, sql } from 'kysely';

/** Accounts: who somebody is (password, guest, or an identity provider), and by what they are known (sessions, API keys). */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    alter table users
      -- a guest has no way to log in again; registering makes the same row a member
      add column kind           text not null default 'member' check (kind in ('guest', 'member')),
      add column role           text not null default 'user' check (role in ('user', 'admin')),
      add column email          text,
      -- in PHC format: algorithm and parameters stand with the hash
      add column password_hash  text,
      add column oidc_issuer    text,
      add column oidc_subject   text,
      add column disabled_at    timestamptz,
      -- what an admin has set for this user; everything else is as the settings say
      add column limits         jsonb not null default '{}'`.execute(db);
  await sql`create unique index users_by_email on users (lower(email))`.execute(db);
  await sql`create unique index users_by_oidc on users (oidc_issuer, oidc_subject)`.execute(db);

  await sql`
    create table sessions (
      id            uuid primary key,
      user_id       uuid not null references users on delete cascade,
      -- SHA-256 of the token: who reads this table can log in as nobody
      token_hash    text not null unique,
      -- the User-Agent that logged in, so that people recognise their devices
      device        text not null,
      created_at    timestamptz not null default now(),
      last_used_at  timestamptz not null default now(),
      expires_at    timestamptz not null
    )`.execute(db);
  await sql`create index sessions_by_user on sessions (user_id)`.execute(db);
  await sql`create index sessions_by_expiry on sessions (expires_at)`.execute(db);

  await sql`
    create table api_keys (
      id            uuid primary key,
      user_id       uuid not null references users on delete cascade,
      name          text not null,
      token_hash    text not null unique,
      -- the first characters, so that people recognise their keys
      hint          text not null,
      created_at    timestamptz not null default now(),
      last_used_at  timestamptz
    )`.execute(db);
  await sql`create index api_keys_by_user on api_keys (user_id)`.execute(db);

  // Here and not in a setting: all processes share it, and nobody has to invent it.
  await sql`create table secrets (name text primary key, value bytea not null)`.execute(db);
  await sql`insert into secrets (name, value) values ('tickets', ${randomBytes(32)})`.execute(db);
}
