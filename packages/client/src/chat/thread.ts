/** What the server says is there: the shown branch, and the runs of it that have not ended. */
import type { History, RunView, SharedConversation } from '../wire.ts';

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

export const emptyThread: Thread = { messages: [], runs: [] };

export function toThread(history: {
  readonly messages: readonly ThreadMessage[];
  readonly activeRun: ThreadRun | null;
  readonly waitingRuns: readonly ThreadRun[];
}): Thread {
  const { messages, activeRun, waitingRuns } = history;
  return { messages, runs: activeRun ? [activeRun, ...waitingRuns] : waitingRuns };
}

/** The first `kept` messages and, behind them, what has just been accepted. */
export function extend(thread: Thread, kept: number, message: ThreadMessage | null, run: ThreadRun): Thread {
  return {
    messages: [...thread.messages.slice(0, kept), ...(message ? [message] : [])],
    runs: [...thread.runs.filter(({ id }) => id !== run.id), run],
  };
}

/**
 * The run whose answer stands behind the message at this place, before it is in history. Null: none, or another answer of
 * this question is shown.
 */
export function runBehind({ messages, runs }: Thread, place: number): ThreadRun | null {
  const message = messages[place];
  const next = messages[place + 1];
  if (message?.role !== 'user' || next?.role === 'assistant') return null;
  const run = runs.findLast(
    ({ promptMessageId, messageId }) =>
      promptMessageId === message.id && (!next || next.parentId === messageId),
  );
  return run ?? null;
}
