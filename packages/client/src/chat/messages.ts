/** The messages as they are shown: history, the answers that are under way, and what is not stored yet. */
import type { QueuePosition } from '@holdfast/shared/protocol/queue-position.ts';
import type { RunStatus } from '@holdfast/shared/protocol/run.ts';
import type { Answer } from '../apply-event.ts';
import type { ChatMessage, ChatMessageStatus, ChatProblem } from './chat-types.ts';
import type { Outgoing } from './pending.ts';
import { runBehind, type Thread, type ThreadMessage, type ThreadRun } from './thread.ts';

export interface MessageParts {
  readonly thread: Thread;
  /** What is known of the answers that are, or were, under way; by run. */
  readonly answers: ReadonlyMap<string, Answer>;
  /** By run. */
  readonly queue: ReadonlyMap<string, QueuePosition>;
  /** By run, in milliseconds. */
  readonly durations: ReadonlyMap<string, number>;
  readonly outgoing: readonly Outgoing[];
  /** By message: why what was wanted of it was refused. */
  readonly problems: ReadonlyMap<string, ChatProblem>;
  /** By message: the key that it had on its way. */
  readonly keys: ReadonlyMap<string, string>;
  /** Null: not known yet, or nobody is signed in. */
  readonly userId: string | null;
  nameOf(userId: string): string | null;
}

const statuses: Readonly<Record<RunStatus, ChatMessageStatus>> = {
  queued: 'queued',
  running: 'answering',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'stopped',
};

/** The messages of the branch, the oldest first. */
export function layOut(parts: MessageParts): ChatMessage[] {
  const { thread, outgoing } = parts;
  const arrived = arrivals(parts);
  const left = outgoing.filter(({ pending }) => !arrived.has(pending.key));
  const keys = new Map([...parts.keys, ...[...arrived].map(([key, id]) => [id, key] as const)]);
  const messages: ChatMessage[] = [];
  for (const [place, message] of thread.messages.entries()) {
    const edit = left.findLast(({ pending }) => pending.editOf === message.id);
    if (edit) {
      // The branch that it begins: what stands behind the old wording is not of it.
      messages.push(toSend(edit, parts));
      break;
    }
    messages.push(stored(message, keys.get(message.id) ?? message.id, parts));
    const run = runBehind(thread, place);
    if (run) messages.push(underWay(run, parts));
  }
  for (const one of left) if (one.pending.editOf === null) messages.push(toSend(one, parts));
  return messages;
}

/**
 * Those on their way that are already there, with the id they got: the answer to the request was lost or is still to come,
 * and history was read meanwhile. By what they say, for the server tells no keys.
 */
function arrivals({ thread, outgoing, keys, userId }: MessageParts): ReadonlyMap<string, string> {
  const arrived = new Map<string, string>();
  const taken = new Set(keys.keys());
  for (const { pending, status, wasTried } of outgoing) {
    if (status === 'rejected' || !wasTried || pending.editOf !== null) continue;
    const behind = thread.messages.findIndex(({ id }) => id === pending.after);
    const message = thread.messages.find(
      ({ id, role, authorId, text }, place) =>
        place > behind &&
        role === 'user' &&
        authorId === userId &&
        text === pending.body.text &&
        !taken.has(id),
    );
    if (!message) continue;
    taken.add(message.id);
    arrived.set(pending.key, message.id);
  }
  return arrived;
}

function stored(message: ThreadMessage, key: string, parts: MessageParts): ChatMessage {
  const { id, role, text, failure, finishReason, usage, model, createdAt, runId } = message;
  const problem = failure && failed(failure);
  return {
    key,
    id,
    role,
    text,
    status: statuses[message.status],
    isPending: false,
    author: authorOf(role === 'user' ? (message.authorId ?? null) : null, parts),
    problem: parts.problems.get(id) ?? problem,
    siblings: message.siblings ?? null,
    runId,
    queue: null,
    model,
    finishReason,
    usage,
    durationMs: runId === null ? null : (parts.durations.get(runId) ?? null),
    createdAt,
  };
}

function underWay(run: ThreadRun, parts: MessageParts): ChatMessage {
  const answer = parts.answers.get(run.id);
  const { text = '', status = 'queued', failure = null, finishReason = null, usage = null } = answer ?? {};
  const problem = failure && failed(failure);
  return {
    key: run.messageId,
    id: run.messageId,
    role: 'assistant',
    text,
    status: statuses[status],
    isPending: false,
    author: null,
    problem: parts.problems.get(run.messageId) ?? problem,
    siblings: null,
    runId: run.id,
    queue: status === 'queued' ? (parts.queue.get(run.id) ?? null) : null,
    model: run.model,
    finishReason,
    usage,
    durationMs: parts.durations.get(run.id) ?? null,
    createdAt: run.createdAt,
  };
}

function toSend({ pending, status, problem }: Outgoing, parts: MessageParts): ChatMessage {
  return {
    key: pending.key,
    id: pending.key,
    role: 'user',
    text: pending.body.text,
    status,
    isPending: true,
    author: authorOf(parts.userId, parts) ?? { id: '', name: null, isMe: true },
    problem,
    siblings: null,
    runId: null,
    queue: null,
    model: null,
    finishReason: null,
    usage: null,
    durationMs: null,
    createdAt: null,
  };
}

/** The same prompt would be refused again. */
const lasting: ReadonlySet<string> = new Set(['context_too_long', 'content_refused', 'upstream_rejected']);

function failed({ code, message }: NonNullable<ThreadMessage['failure']>): ChatProblem {
  return { code, message, isRetryable: !lasting.has(code), retryAtMs: null };
}

function authorOf(id: string | null, { userId, nameOf }: MessageParts): ChatMessage['author'] {
  return id === null ? null : { id, name: nameOf(id), isMe: id === userId };
}
