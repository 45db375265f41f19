/**
 * What a public link shows: the conversation, read-only, with the answer that is being written. Who reads it is not
 * signed in, so nothing tells of new messages; it asks now and then.
 */
import { hintMsMax } from '../backoff.ts';
import type { FollowState } from '../follow.ts';
import { listenForSight } from '../sight.ts';
import { createStore, keepSame } from '../store.ts';
import type { SharedConversation } from '../wire.ts';
import type { ChatProblem, SharedChat, SharedChatOptions, SharedChatState } from './chat-types.ts';
import { layOut } from './messages.ts';
import { toProblem } from './problems.ts';
import { createReader } from './reader.ts';
import { createRuns } from './runs.ts';
import { statusOf } from './state.ts';
import { emptyThread, type ThreadRun, toThread } from './thread.ts';
import { whenSeen } from './when-seen.ts';

/** A question of the owner's appears soon, and a thousand idle readers cost 250 requests a second. */
const askEveryMs = 4_000;

const none: ReadonlyMap<string, never> = new Map<string, never>();

/** Makes what shows a public link, until `close` or until the link is gone. */
export function createSharedChat({ client, token }: SharedChatOptions): SharedChat {
  const store = createStore<SharedChatState>((before) => keepSame(before, look()));
  const { changed } = store;
  const runs = createRuns();
  const reader = createReader();
  const closed = new AbortController();
  /** By run: aborted when it is not to be followed any more. */
  const followed = new Map<string, AbortController>();
  let thread = emptyThread;
  let title: string | null = null;
  let problem: ChatProblem | null = null;
  let isLoading = true;
  let isGone = false;
  let connection: FollowState | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function look(): SharedChatState {
    const messages = layOut({
      thread,
      answers: runs.answers,
      queue: runs.queue,
      durations: runs.durations,
      outgoing: [],
      problems: none,
      keys: none,
      userId: null,
      nameOf: () => null,
    });
    const runId = runs.underWay(thread.runs)[0]?.id ?? null;
    const isOffline = connection === 'reconnecting' || problem?.code === 'unreachable';
    const queue = messages.find((message) => message.runId === runId)?.queue ?? null;
    return {
      title,
      messages,
      status: statusOf({ messages, runId, isOffline }),
      queue,
      problem,
      isLoading,
      isOffline,
      isGone,
    };
  }

  /** Until it ends or nobody looks: browsers have six connections for all tabs of an origin together (HTTP/1.1). */
  async function follow(run: ThreadRun): Promise<void> {
    const looking = new AbortController();
    followed.set(run.id, looking);
    const cursor = runs.answers.get(run.id)?.cursor ?? null;
    try {
      const events = client.followRun(run, {
        cursor,
        signal: looking.signal,
        onState(state) {
          connection = state;
          changed();
        },
        onPosition(position) {
          runs.setQueue(run.id, position);
          changed();
        },
      });
      for await (const event of events) if (runs.apply(run.id, event)) changed();
      // As it stays.
      asking.run();
    } catch {
      // Refused, or nobody looks: what is asked next tells, in its time. To ask at once would ask again and again.
    }
    followed.delete(run.id);
    connection = null;
  }

  function show(shared: SharedConversation): void {
    ({ title } = shared);
    problem = null;
    thread = toThread(shared);
    runs.show(thread.runs);
    const [run] = runs.underWay(thread.runs);
    if (run && !followed.has(run.id) && sight() === 'seen') void follow(run);
  }

  async function ask(): Promise<void> {
    const { signal } = closed;
    try {
      await reader.read(() => client.shared(token, { signal }), show);
    } catch (error) {
      if (signal.aborted) return;
      problem = toProblem(error);
      if (!problem.isRetryable) leave();
    }
    isLoading = false;
    changed();
    clearTimeout(timer);
    // Not before the time that the server has set.
    const waitMs = Math.min((problem?.retryAtMs ?? 0) - Date.now(), hintMsMax);
    if (!signal.aborted) timer = setTimeout(asking.run, Math.max(askEveryMs, waitMs));
  }

  /** The link is gone. */
  function leave(): void {
    isGone = true;
    thread = emptyThread;
    title = null;
    stop();
  }

  function stop(): void {
    closed.abort();
    clearTimeout(timer);
    asking.stop();
    stopListening();
    unfollow();
    changed();
  }

  function unfollow(): void {
    for (const looking of followed.values()) looking.abort();
  }

  const asking = whenSeen(() => void ask());
  const { stop: stopListening, sight } = listenForSight((now) => {
    if (now === 'seen') asking.run();
    else unfollow();
  }, 0);
  asking.run();

  return {
    getState: store.getState,
    subscribe: store.subscribe,
    close() {
      stop();
      store.close();
    },
  };
}
