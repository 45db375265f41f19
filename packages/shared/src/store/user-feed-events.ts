/** What a recorded event says: its subject as it is now and as this user sees it. */
import type { UserEventType } from '../protocol/user-event.ts';
import type { Store } from './database.ts';
import type { RecordedUserEvent } from './user-feed.ts';
import {
  type MessageRow,
  type RunRow,
  type SeenConversationRow,
  toConversation,
  toMessage,
  toRunView,
} from './views.ts';

/** An event with its data encoded, once for all connections of the user. */
export interface ToldUserEvent {
  readonly seq: number;
  readonly type: UserEventType;
  readonly conversationId: string;
  /** The run that it is about. */
  readonly run: RunRow | null;
  /** One line of JSON: JSON.stringify escapes CR and LF. */
  readonly json: string;
}

/**
 * The events as `userId` is to be told them. One whose conversation they may not see (any more) says that it is removed,
 * whatever it was; one whose message or run is gone while they see the conversation is left out.
 */
export async function tellEvents(
  db: Store,
  userId: string,
  events: readonly RecordedUserEvent[],
): Promise<ToldUserEvent[]> {
  if (events.length === 0) return [];
  const ids = (wanted: (event: RecordedUserEvent) => string | null): string[] => [
    ...new Set(events.map(wanted).filter((id) => id !== null)),
  ];
  // What may be seen is asked first: what is read afterwards may be newer, but not of a later permission.
  const conversations = await readConversations(
    db,
    userId,
    ids((event) => event.conversationId),
  );
  const runs = await readRuns(
    db,
    ids((event) => (isAboutRun(event.type) ? event.subjectId : null)),
  );
  const messages = await readMessages(
    db,
    ids((event) => answerOf(event, runs) ?? (event.type === 'message.added' ? event.subjectId : null)),
  );

  const told: ToldUserEvent[] = [];
  for (const event of events) {
    const { seq, type, conversationId } = event;
    const conversation = conversations.get(conversationId);
    const tell = (data: object, run: RunRow | null = null, as = type) =>
      told.push({ seq, type: as, conversationId, run, json: JSON.stringify(data) });
    if (!conversation) {
      tell({ conversationId }, null, 'conversation.removed');
      continue;
    }
    const run = runs.get(event.subjectId ?? '');
    switch (type) {
      case 'message.added': {
        const message = messages.get(event.subjectId ?? '');
        if (message) tell({ conversationId, message: toMessage(message) });
        break;
      }
      case 'run.queued':
      case 'run.started':
        if (run) tell({ conversationId, run: toRunView(run) }, run);
        break;
      case 'run.ended': {
        const message = messages.get(answerOf(event, runs) ?? '');
        if (run && message) tell({ conversationId, run: toRunView(run), message: toMessage(message) }, run);
        break;
      }
      case 'conversation.added':
      case 'conversation.changed':
        tell({ conversation: toConversation(conversation) });
        break;
      case 'conversation.removed':
        // They are a member again; `conversation.added` follows.
        tell({ conversationId });
    }
  }
  return told;
}

const isAboutRun = (type: UserEventType): boolean =>
  type === 'run.queued' || type === 'run.started' || type === 'run.ended';

function answerOf(event: RecordedUserEvent, runs: ReadonlyMap<string, RunRow>): string | null {
  return event.type === 'run.ended' ? (runs.get(event.subjectId ?? '')?.message_id ?? null) : null;
}

function byId<T extends { id: string }>(rows: readonly T[]): Map<string, T> {
  return new Map(rows.map((row) => [row.id, row]));
}

async function readConversations(
  db: Store,
  userId: string,
  ids: readonly string[],
): Promise<Map<string, SeenConversationRow>> {
  return byId(
    await db
      .selectFrom('conversations')
      .innerJoin('members', 'members.conversation_id', 'conversations.id')
      .selectAll('conversations')
      .select(['members.role', 'members.pinned_at', 'members.archived_at'])
      .where('members.user_id', '=', userId)
      .where('conversations.id', 'in', ids)
      .where('conversations.deleted_at', 'is', null)
      .execute(),
  );
}

async function readRuns(db: Store, ids: readonly string[]): Promise<Map<string, RunRow>> {
  if (ids.length === 0) return new Map();
  return byId(await db.selectFrom('runs').selectAll().where('id', 'in', ids).execute());
}

async function readMessages(db: Store, ids: readonly string[]): Promise<Map<string, MessageRow>> {
  if (ids.length === 0) return new Map();
  return byId(
    (await db
      .selectFrom('messages')
      .leftJoin('runs', 'runs.id', 'messages.run_id')
      .selectAll('messages')
      .select(['runs.model', 'runs.failure_code', 'runs.finish_reason', 'runs.usage'])
      .where('messages.id', 'in', ids)
      .where('messages.status', '<>', 'pending')
      .execute()) as MessageRow[],
  );
}
