/** The tables, as Kysely sees them. What each column is for stands in the migration that makes it. */
import type { ColumnType, Generated } from 'kysely';
import type { Parameters } from '../http/parameters.ts';
import type { FailureCode } from '../protocol/error-code.ts';
import type { RunStatus, TerminalStatus } from '../protocol/run.ts';
import type { FinishReason, Usage } from '../protocol/run-event.ts';

/** JSON goes in as text, so that arrays are not taken for Postgres arrays, and comes out parsed. */
type Json<T> = ColumnType<T, string, string>;

interface UserTable {
  id: string;
  name: string;
  created_at: Generated<Date>;
}

interface ConversationTable {
  id: string;
  user_id: string;
  title: string | null;
  system_prompt: string | null;
  model: string | null;
  parameters: Json<Parameters>;
  leaf_id: string | null;
  created_at: Generated<Date>;
  updated_at: Generated<Date>;
}

interface MessageTable {
  id: string;
  conversation_id: string;
  parent_id: string | null;
  role: 'user' | 'assistant';
  text: string;
  run_id: string | null;
  status: TerminalStatus;
  created_at: Generated<Date>;
}

interface RunTable {
  id: string;
  conversation_id: string;
  user_id: string;
  prompt_message_id: string;
  message_id: string;
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

export interface Database {
  users: UserTable;
  conversations: ConversationTable;
  messages: MessageTable;
  runs: RunTable;
  idempotency_keys: IdempotencyKeyTable;
}
