/** What the log shows, worked out from what the server said: the shown branch, and in it the answers that are under way. */
import type { Answer, History, RunView, SharedConversation } from '@holdfast/client';

/** A message, of a member's history or behind a public link. */
export type ThreadMessage = SharedConversation['messages'][number] &
  Partial<Pick<History['messages'][number], 'authorId' | 'siblings'>>;
/** A run that has not ended. */
export type ThreadRun = NonNullable<SharedConversation['activeRun']> & Partial<Pick<RunView, 'userId'>>;

export interface Thread {
  readonly messages: readonly ThreadMessage[];
  /** Runs that have not ended, in the order in which they are answered. */
  readonly runs: readonly ThreadRun[];
}

/** One message as it is shown. */
export interface Entry extends Pick<ThreadMessage, 'id' | 'role' | 'text' | 'failure' | 'finishReason'> {
  /** A run's status; `queued` and `running` while it is under way. */
  readonly status: Answer['status'];
  readonly authorId: string | null;
  /** The run that is under way. */
  readonly run: ThreadRun | null;
  /** All versions at its place, oldest first, and which of them this is, from 1. */
  readonly siblings: History['messages'][number]['siblings'] | null;
}

export function toThread(history: {
  readonly messages: readonly ThreadMessage[];
  readonly activeRun: ThreadRun | null;
  readonly waitingRuns: readonly ThreadRun[];
}): Thread {
  const { messages, activeRun, waitingRuns } = history;
  return { messages, runs: activeRun ? [activeRun, ...waitingRuns] : waitingRuns };
}

/**
 * The entries of the log. An answer that is under way stands behind its question, unless another answer of this question
 * is shown; `answers` holds what is known of it, by run.
 */
export function layOut(thread: Thread, answers: ReadonlyMap<string, Answer>): Entry[] {
  const { messages, runs } = thread;
  return messages.flatMap((message, place) => {
    const { id, role, text, status, failure, finishReason } = message;
    const siblings = message.siblings ?? null;
    const shown: Entry = {
      id,
      role,
      text,
      status,
      failure,
      finishReason,
      siblings,
      authorId: message.authorId ?? null,
      run: null,
    };
    const next = messages[place + 1];
    if (role !== 'user' || next?.role === 'assistant') return [shown];
    const run = runs.findLast(
      ({ promptMessageId, messageId }) => promptMessageId === id && (!next || next.parentId === messageId),
    );
    return run ? [shown, underWay(run, answers.get(run.id))] : [shown];
  });
}

function underWay(run: ThreadRun, answer: Answer | undefined): Entry {
  const { text = '', status = 'queued', failure = null, finishReason = null } = answer ?? {};
  const over = answer !== undefined && answer.messageId !== null;
  return {
    id: run.messageId,
    role: 'assistant',
    text,
    status,
    failure,
    finishReason,
    authorId: null,
    // Its end has come, only history does not have it yet.
    run: over ? null : run,
    siblings: null,
  };
}

/** The first `kept` messages and, behind them, what has just been accepted. */
export function extend(thread: Thread, kept: number, message: ThreadMessage | null, run: ThreadRun): Thread {
  return {
    messages: [...thread.messages.slice(0, kept), ...(message ? [message] : [])],
    runs: [...thread.runs.filter(({ id }) => id !== run.id), run],
  };
}
