/** The tables, as Kysely sees them. What each column is for stands in the migration that makes it. */
import type { ColumnType, Generated } from 'kysely';
import type { UserLimits } from '../http/limits.ts';
import type { Parameters } from '../http/parameters.ts';
import type { FailureCode } from '../protocol/error-code.ts';
import type { RunStatus, TerminalStatus } from '../protocol/run.ts';
import type { FinishReason, Usage } from '../protocol/run-event.ts';
import type { UserEventType } from '../protocol/user-event.ts';

/** JSON goes in as text, so that arrays are not taken for Postgres arrays, and comes out parsed. */
type Json<T> = ColumnType<T, string, string>;

export type UserKind = 'guest' | 'member';
export type UserRole = 'user' | 'admin';

/** What a member may do: an owner everything, a writer ask and stop, a reader look. */
export type MemberRole = 'owner' | 'writer' | 'reader';

/** Where a run is in the queue: it waits for its turn, was dispatched, or has ended. */
export type RunPhase = 'waiting' | 'in_flight' | 'ended';

export type AttemptOutcome = TerminalStatus | 'handed_back' | 'lost';

interface UserTable {
  id: string;
  name: string;
  kind: Generated<UserKind>;
  role: Generated<UserRole>;
  email: string | null;
  password_hash: string | null;
  oidc_issuer: string | null;
  oidc_subject: string | null;
  disabled_at: Date | null;
  limits: ColumnType<UserLimits, string | undefined, string>;
  created_at: Generated<Date>;
}

interface SessionTable {
  id: string;
  user_id: string;
  token_hash: string;
  device: string;
  created_at: Generated<Date>;
  last_used_at: Generated<Date>;
  expires_at: Date;
}

interface ApiKeyTable {
  id: string;
  user_id: string;
  name: string;
  token_hash: string;
  hint: string;
  created_at: Generated<Date>;
  last_used_at: Date | null;
}

interface SecretTable {
  name: string;
  value: Buffer;
}

interface ConversationTable {
  id: string;
  title: string | null;
  title_by: 'user' | 'model' | null;
  system_prompt: string | null;
  model: string | null;
  parameters: Json<Parameters>;
  leaf_id: string | null;
  title_due_at: Date | null;
  title_tries: Generated<number>;
  purge_after: Date | null;
  created_at: Generated<Date>;
  updated_at: Generated<Date>;
  deleted_at: Date | null;
}

interface MemberTable {
  conversation_id: string;
  user_id: string;
  role: MemberRole;
  pinned_at: Date | null;
  archived_at: Date | null;
  created_at: Generated<Date>;
}

interface InvitationTable {
  id: string;
  conversation_id: string;
  token_hash: string;
  role: Exclude<MemberRole, 'owner'>;
  created_by: string | null;
  created_at: Generated<Date>;
  expires_at: Date;
}

interface RemovedMemberTable {
  conversation_id: string;
  user_id: string;
  removed_at: Generated<Date>;
}

interface PublicLinkTable {
  conversation_id: string;
  token: string;
  created_at: Generated<Date>;
}

interface MessageTable {
  id: string;
  conversation_id: string;
  parent_id: string | null;
  role: 'user' | 'assistant';
  text: string;
  run_id: string | null;
  author_id: string | null;
  status: TerminalStatus | 'pending';
  number: Generated<string>;
  created_at: Generated<Date>;
}

/** `message_id` null: the terms of the title. */
interface SearchTermsTable {
  conversation_id: string;
  message_id: string | null;
  terms: string;
}

interface RunTable {
  id: string;
  conversation_id: string;
  user_id: string;
  prompt_message_id: string;
  message_id: string;
  continues_id: string | null;
  model: string;
  parameters: Json<Parameters>;
  status: Generated<RunStatus>;
  attempt: Generated<number>;
  crashes: Generated<number>;
  retries: Generated<number>;
  worker_id: string | null;
  lease_until: Date | null;
  not_before: Date | null;
  rung_at: Generated<Date>;
  rings: Generated<number>;
  cancel_requested_at: Date | null;
  terminal_seq: number | null;
  failure_code: FailureCode | null;
  finish_reason: FinishReason | null;
  usage: Json<Usage> | null;
  number: Generated<string>;
  priority: Generated<number>;
  pass: Generated<number>;
  behind: Generated<boolean>;
  dispatched_at: Date | null;
  phase: ColumnType<RunPhase, never, never>;
  reserved_tokens: Generated<number>;
  created_at: Generated<Date>;
  started_at: Date | null;
  finished_at: Date | null;
}

interface IdempotencyKeyTable {
  user_id: string;
  key: string;
  request_hash: string;
  response: Json<unknown>;
  created_at: Generated<Date>;
}

interface FairQueueTable {
  priority: number;
  virtual_time: number;
}

interface FreedPlaceTable {
  user_id: string;
  priority: number;
  pass: number;
}

interface DispatchSecondTable {
  second: Date;
  runs: number;
}

interface WorkerTable {
  id: string;
  concurrency: number;
  started_at: Generated<Date>;
  seen_at: Generated<Date>;
  live_until: Date;
}

/** `int8` comes as text; event numbers stay far below 2^53 and are turned into numbers where they are read. */
interface UserFeedTable {
  user_id: string;
  seq: Generated<string>;
  trimmed_to: Generated<string>;
}

interface UserEventTable {
  user_id: string;
  seq: string;
  type: UserEventType;
  conversation_id: string;
  subject_id: string | null;
  created_at: Generated<Date>;
}

interface RunAttemptTable {
  run_id: string;
  attempt: number;
  user_id: string;
  model: string;
  worker_id: string;
  started_at: Generated<Date>;
  ended_at: Date | null;
  outcome: AttemptOutcome | null;
  input_tokens: Generated<number>;
  output_tokens: Generated<number>;
  estimated: Generated<boolean>;
}

export interface Database {
  users: UserTable;
  sessions: SessionTable;
  api_keys: ApiKeyTable;
  secrets: SecretTable;
  conversations: ConversationTable;
  members: MemberTable;
  invitations: InvitationTable;
  removed_members: RemovedMemberTable;
  public_links: PublicLinkTable;
  messages: MessageTable;
  search_terms: SearchTermsTable;
  runs: RunTable;
  idempotency_keys: IdempotencyKeyTable;
  fair_queue: FairQueueTable;
  freed_places: FreedPlaceTable;
  dispatch_seconds: DispatchSecondTable;
  workers: WorkerTable;
  user_feeds: UserFeedTable;
  user_events: UserEventTable;
  run_attempts: RunAttemptTable;
}
