/**
 * One conversation with everything that belongs to it, and everybody who may ask for it: made anew for each question, so
 * that what one asker does to it is not seen by the next.
 */
import { v7Id } from '@holdfast/shared/id.ts';
import { formatTicket, ticketLifeMs } from '@holdfast/shared/ticket.ts';
import { hashToken, newToken } from '@holdfast/shared/token.ts';
import type pg from 'pg';

/**
 * Who asks, and with what.
 *
 * nobody         without a credential
 * stranger       another user
 * former         a user who was removed from the conversation
 * reader, writer, owner   members, with a session
 * ownerKey       the owner, with an API key
 * admin          an administrator who is no member
 * disabled       another owner, whose account was disabled
 * revokedKey     an API key of the owner's that was revoked
 * lapsedSession  a session of the owner's that has expired
 * ticket         a ticket of the owner's for the run
 * foreignTicket  a ticket of the owner's for another run of the same conversation
 * expiredTicket  a ticket of the owner's that has expired
 */
export const askers = [
  'nobody',
  'stranger',
  'former',
  'reader',
  'writer',
  'owner',
  'ownerKey',
  'admin',
  'disabled',
  'revokedKey',
  'lapsedSession',
  'ticket',
  'foreignTicket',
  'expiredTicket',
] as const;
export type Asker = (typeof askers)[number];

const people = ['stranger', 'former', 'reader', 'writer', 'owner', 'admin', 'disabled'] as const;
type Person = (typeof people)[number];

export interface Scene {
  readonly conversationId: string;
  /** A question, its answer, and the run that ended with it. */
  readonly questionId: string;
  readonly answerId: string;
  readonly runId: string;
  /** A run that waits, of the same conversation. */
  readonly waitingRunId: string;
  readonly invitationId: string;
  readonly invitationToken: string;
  readonly linkToken: string;
  /** Was the conversation's public link before. */
  readonly revokedLinkToken: string;
  /** Another session of the owner's, and another API key. */
  readonly sessionId: string;
  readonly apiKeyId: string;
  readonly userIds: Readonly<Record<Person, string>>;
  /** The header field and the part of the address by which they show who they are. */
  readonly credentials: Readonly<Record<Asker, { readonly bearer?: string; readonly ticket?: string }>>;
}

export interface SceneMaker {
  readonly db: pg.Pool;
  readonly ticketSecret: Buffer;
  /** Everybody's. */
  readonly passwordHash: string;
}

/** Puts a scene into the database. */
export async function makeScene({ db, ticketSecret, passwordHash }: SceneMaker): Promise<Scene> {
  const userIds = Object.fromEntries(people.map((person) => [person, v7Id()])) as Record<Person, string>;
  const sessions = Object.fromEntries(people.map((person) => [person, newToken('hfs')])) as Record<
    Person,
    string
  >;
  const [lapsedSession, apiKey, revokedKey] = [newToken('hfs'), newToken('hfk'), newToken('hfk')];
  const [sessionId, apiKeyId] = [v7Id(), v7Id()];
  const [conversationId, questionId, answerId, runId] = [v7Id(), v7Id(), v7Id(), v7Id()];
  const [followUpId, waitingAnswerId, waitingRunId] = [v7Id(), v7Id(), v7Id()];
  const [invitationId, invitationToken] = [v7Id(), newToken('hfi')];
  const [linkToken, revokedLinkToken] = [newToken('hfp'), newToken('hfp')];
  const owner = userIds.owner;

  const client = await db.connect();
  const put = (text: string, values: unknown[]) => client.query(text, values);
  try {
    await client.query('begin');
    await put(
      `insert into users (id, name, email, role, password_hash, disabled_at)
       select id, name, id || '@example.com', case name when 'admin' then 'admin' else 'user' end, $3,
              case name when 'disabled' then now() end
       from unnest($1::uuid[], $2::text[]) as each (id, name)`,
      [people.map((person) => userIds[person]), people, passwordHash],
    );
    await put(
      `insert into sessions (id, user_id, token_hash, device, expires_at)
       select id, user_id, token_hash, 'a test', now() + days * interval '1 day'
       from unnest($1::uuid[], $2::uuid[], $3::text[], $4::int[]) as each (id, user_id, token_hash, days)`,
      [
        [...people.map(() => v7Id()), v7Id(), sessionId],
        [...people.map((person) => userIds[person]), owner, owner],
        [...people.map((person) => sessions[person]), lapsedSession, newToken('hfs')].map(hashToken),
        [...people.map(() => 1), -1, 1],
      ],
    );
    await put(
      `insert into api_keys (id, user_id, name, token_hash, hint)
       select id, $2, 'a key', token_hash, 'hfk_test' from unnest($1::uuid[], $3::text[]) as each (id, token_hash)`,
      [[v7Id(), v7Id(), apiKeyId], owner, [apiKey, revokedKey, newToken('hfk')].map(hashToken)],
    );
    await put('delete from api_keys where token_hash = $1', [hashToken(revokedKey)]);
    await put(`insert into conversations (id, title, title_by, leaf_id) values ($1, 'Knots', 'user', $2)`, [
      conversationId,
      waitingAnswerId,
    ]);
    await put(
      `insert into members (conversation_id, user_id, role)
       select $1, user_id, role from unnest($2::uuid[], $3::text[]) as each (user_id, role)`,
      [
        conversationId,
        [userIds.reader, userIds.writer, owner, userIds.disabled],
        ['reader', 'writer', 'owner', 'owner'],
      ],
    );
    await put(
      `insert into messages (id, conversation_id, parent_id, role, text, run_id, author_id, status) values
         ($2, $1, null, 'user', 'Which knot holds?', null, $8, 'completed'),
         ($3, $1, $2, 'assistant', 'The bowline.', $4, null, 'completed'),
         ($5, $1, $3, 'user', 'And which one slips?', null, $8, 'completed'),
         ($6, $1, $5, 'assistant', '', $7, null, 'pending')`,
      [conversationId, questionId, answerId, runId, followUpId, waitingAnswerId, waitingRunId, owner],
    );
    await put(
      `insert into runs (id, conversation_id, user_id, prompt_message_id, message_id, model, status, attempt,
                         terminal_seq, finish_reason, started_at, finished_at) values
         ($4, $1, $8, $2, $3, 'stand-in', 'completed', 1, 2, 'stop', now(), now()),
         ($7, $1, $8, $5, $6, 'stand-in', 'queued', 0, null, null, null, null)`,
      [conversationId, questionId, answerId, runId, followUpId, waitingAnswerId, waitingRunId, owner],
    );
    await put(
      `insert into invitations (id, conversation_id, token_hash, role, created_by, expires_at)
       values ($1, $2, $3, 'writer', $4, now() + interval '1 day')`,
      [invitationId, conversationId, hashToken(invitationToken), owner],
    );
    // After the invitation: it is one that they may know.
    await put('insert into removed_members (conversation_id, user_id) values ($1, $2)', [
      conversationId,
      userIds.former,
    ]);
    await put('insert into public_links (conversation_id, token) values ($1, $2)', [
      conversationId,
      linkToken,
    ]);
    await client.query('commit');
  } finally {
    client.release();
  }

  const ticket = (run: string, lifeMs: number) => formatTicket(ticketSecret, owner, run, Date.now() + lifeMs);
  return {
    conversationId,
    questionId,
    answerId,
    runId,
    waitingRunId,
    invitationId,
    invitationToken,
    linkToken,
    revokedLinkToken,
    sessionId,
    apiKeyId,
    userIds,
    credentials: {
      nobody: {},
      stranger: { bearer: sessions.stranger },
      former: { bearer: sessions.former },
      reader: { bearer: sessions.reader },
      writer: { bearer: sessions.writer },
      owner: { bearer: sessions.owner },
      ownerKey: { bearer: apiKey },
      admin: { bearer: sessions.admin },
      disabled: { bearer: sessions.disabled },
      revokedKey: { bearer: revokedKey },
      lapsedSession: { bearer: lapsedSession },
      ticket: { ticket: ticket(runId, ticketLifeMs) },
      foreignTicket: { ticket: ticket(waitingRunId, ticketLifeMs) },
      expiredTicket: { ticket: ticket(runId, -1) },
    },
  };
}

/** All that a request could have changed in a scene, as text. */
export async function stateOf(db: pg.Pool, { conversationId, userIds }: Scene): Promise<string> {
  const { rows } = await db.query<{ state: string }>(
    `select jsonb_build_object(
       'conversation', (select to_jsonb(conversations) from conversations where id = $1),
       'members', (select jsonb_agg(m order by user_id) from members m where conversation_id = $1),
       'messages', (select jsonb_agg(m order by id) from messages m where conversation_id = $1),
       'runs', (select jsonb_agg(to_jsonb(r) - '{dispatched_at,rung_at,rings}'::text[] order by id)
                from runs r where conversation_id = $1),
       'invitations', (select jsonb_agg(i order by id) from invitations i where conversation_id = $1),
       'links', (select jsonb_agg(l order by token) from public_links l where conversation_id = $1),
       'users', (select jsonb_agg(u order by id) from users u where id = any ($2)),
       'keys', (select jsonb_agg(to_jsonb(k) - 'last_used_at' order by id) from api_keys k where user_id = any ($2)),
       'sessions', (select jsonb_agg(id order by id) from sessions where user_id = any ($2))
     )::text as state`,
    [conversationId, Object.values(userIds)],
  );
  return rows[0]?.state ?? '';
}
