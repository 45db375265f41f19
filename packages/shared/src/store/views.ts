/** Rows as the API shows them, and the terminal event that a run's row stands for. */
import { type RawBuilder, type Selectable, sql } from 'kysely';
import type { Conversation, CurrentUser, Message, RunView } from '../http/schemas.ts';
import { failures } from '../protocol/error-code.ts';
import type { RunEnd } from '../protocol/run-event.ts';
import type { Database } from './schema.ts';

export type RunRow = Selectable<Database['runs']>;

const columns = (names: object): RawBuilder<unknown> =>
  sql.join(Object.keys(names).map((name) => sql.ref(name)));

/** All columns by name, for statements whose plans are kept. */
export const runColumns: RawBuilder<unknown> = columns({
  id: true,
  conversation_id: true,
  user_id: true,
  prompt_message_id: true,
  message_id: true,
  continues_id: true,
  model: true,
  parameters: true,
  status: true,
  attempt: true,
  crashes: true,
  retries: true,
  worker_id: true,
  lease_until: true,
  not_before: true,
  rung_at: true,
  rings: true,
  cancel_requested_at: true,
  terminal_seq: true,
  failure_code: true,
  finish_reason: true,
  usage: true,
  number: true,
  priority: true,
  pass: true,
  behind: true,
  dispatched_at: true,
  phase: true,
  reserved_tokens: true,
  created_at: true,
  started_at: true,
  finished_at: true,
} satisfies Record<keyof RunRow, true>);

export type ConversationRow = Selectable<Database['conversations']>;

export const conversationColumns: RawBuilder<unknown> = columns({
  id: true,
  title: true,
  title_by: true,
  system_prompt: true,
  model: true,
  parameters: true,
  leaf_id: true,
  title_due_at: true,
  title_tries: true,
  purge_after: true,
  created_at: true,
  updated_at: true,
  deleted_at: true,
} satisfies Record<keyof ConversationRow, true>);

export type MemberRow = Selectable<Database['members']>;
export type UserRow = Selectable<Database['users']>;
export type MessageRow = Selectable<Database['messages']> &
  Partial<Pick<RunRow, 'model' | 'failure_code' | 'finish_reason' | 'usage'>>;

/** A conversation as one member sees it. */
export type SeenConversationRow = ConversationRow & Pick<MemberRow, 'role' | 'pinned_at' | 'archived_at'>;

export function toConversation(row: SeenConversationRow): Conversation {
  return {
    id: row.id,
    title: row.title,
    titleBy: row.title_by,
    role: row.role,
    pinned: row.pinned_at !== null,
    archived: row.archived_at !== null,
    systemPrompt: row.system_prompt,
    model: row.model,
    parameters: row.parameters,
    leafId: row.leaf_id,
    createdAt: row.created_at.toISOString(),
    updatedAt: row.updated_at.toISOString(),
  };
}

/** Throws for an answer that is not final: nobody is shown one. */
export function toMessage(row: MessageRow): Message {
  if (row.status === 'pending') throw new Error(`message ${row.id} is not final`);
  return {
    id: row.id,
    conversationId: row.conversation_id,
    parentId: row.parent_id,
    role: row.role,
    text: row.text,
    authorId: row.author_id,
    runId: row.run_id,
    status: row.status,
    failure: toFailure(row.failure_code),
    finishReason: row.finish_reason ?? null,
    model: row.model ?? null,
    usage: row.usage ?? null,
    createdAt: row.created_at.toISOString(),
  };
}

export function toRunView(row: RunRow): RunView {
  return {
    id: row.id,
    conversationId: row.conversation_id,
    userId: row.user_id,
    promptMessageId: row.prompt_message_id,
    messageId: row.message_id,
    model: row.model,
    status: row.status,
    attempt: row.attempt,
    cancelRequested: row.cancel_requested_at !== null,
    failure: toFailure(row.failure_code),
    finishReason: row.finish_reason,
    usage: row.usage,
    eventsUrl: `/api/runs/${row.id}/events`,
    createdAt: row.created_at.toISOString(),
    startedAt: row.started_at?.toISOString() ?? null,
    finishedAt: row.finished_at?.toISOString() ?? null,
  };
}

/**
 * The end of a run as its row tells it, or null while it has none. The worker that ends a run and an API process that
 * answers for a log that is gone both take it from here, so that they can only say the same.
 */
export function runEnd(row: RunRow): RunEnd | null {
  if (row.terminal_seq === null) return null;
  const id = { attempt: row.attempt, seq: row.terminal_seq };
  const { message_id: messageId, usage } = row;
  switch (row.status) {
    case 'completed':
      return {
        id,
        event: { type: 'completed', data: { messageId, finishReason: row.finish_reason ?? 'stop', usage } },
      };
    case 'cancelled':
      return { id, event: { type: 'cancelled', data: { messageId, usage } } };
    case 'failed': {
      const { code, message } = toFailure(row.failure_code) ?? {
        code: 'internal',
        message: failures.internal,
      };
      return { id, event: { type: 'failed', data: { messageId, code, message, usage } } };
    }
    case 'queued':
    case 'running':
      throw new Error(`run ${row.id} is ${row.status} and has a terminal event`);
  }
}

/** A user as they see themselves. */
export function toCurrentUser(row: UserRow): CurrentUser {
  const { id, name, kind, role, email } = row;
  return { id, name, kind, role, email };
}

function toFailure(code: RunRow['failure_code'] | undefined): Message['failure'] {
  return code ? { code, message: failures[code] } : null;
}
