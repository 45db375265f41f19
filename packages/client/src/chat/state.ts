/** What a chat shows: put together from what the server says, what is on its way and how the connection is. */
import type { FollowState } from '../follow.ts';
import type { ChatMessage, ChatProblem, ChatState, ChatStatus } from './chat-types.ts';
import { layOut } from './messages.ts';
import type { Outgoing } from './pending.ts';
import type { Screen } from './screen.ts';
import type { Who } from './who.ts';
import type { Wishes } from './wishes.ts';

export interface StateParts {
  readonly screen: Screen;
  readonly wishes: Wishes;
  readonly who: Who;
  /** What is not stored yet of the conversation that is shown. */
  readonly outgoing: readonly Outgoing[];
  /** Null: there is none, and none is tried. */
  readonly connection: FollowState | null;
  /** Why there is none. */
  readonly refusal: ChatProblem | null;
}

export function stateOf({ screen, wishes, who, outgoing, connection, refusal }: StateParts): ChatState {
  const { conversationId, conversation, thread, runs, firstShown } = screen;
  const messages = layOut({
    thread,
    outgoing,
    answers: runs.answers,
    queue: runs.queue,
    durations: runs.durations,
    problems: wishes.problems,
    keys: screen.keys,
    userId: who.known?.id ?? null,
    nameOf: (userId) => (userId === who.known?.id ? who.known.name : screen.nameOf(userId)),
  }).slice(firstShown);
  const runId = runs.underWay(thread.runs)[0]?.id ?? null;
  const isOffline = connection === 'reconnecting' || messages.some(({ status }) => status === 'waiting');
  return {
    conversationId,
    conversation,
    messages,
    status: statusOf({ messages, runId, isOffline }),
    runId,
    queue: messages.find((message) => message.runId === runId)?.queue ?? null,
    problem: screen.problem ?? refusal,
    isLoading: screen.isLoading,
    isBusy: wishes.isBusy,
    hasOlder: firstShown > 0,
    isOffline,
    canWrite: conversation === null ? conversationId === null : conversation.role !== 'reader',
  };
}

/** See `ChatStatus`. A message on its way counts as one whose answer waits for its turn. */
export function statusOf(parts: {
  readonly messages: readonly ChatMessage[];
  /** The run that is answered now or next; null: none. */
  readonly runId: string | null;
  readonly isOffline: boolean;
}): ChatStatus {
  const { messages, runId, isOffline } = parts;
  if (runId !== null) {
    if (isOffline) return 'reconnecting';
    const answer = messages.find((message) => message.runId === runId);
    return answer?.status === 'answering' ? 'answering' : 'queued';
  }
  if (messages.some(({ status }) => status === 'waiting')) return 'reconnecting';
  if (messages.some(({ status }) => status === 'sending')) return 'queued';
  const last = messages.at(-1)?.status;
  if (last === 'failed' || last === 'rejected') return 'failed';
  return last === 'stopped' ? 'stopped' : 'idle';
}
