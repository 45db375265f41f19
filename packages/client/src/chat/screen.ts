/** The conversation that is shown, as the server tells it: who may do what, its branch, and the runs under way. */

import type { Client } from '../client.ts';
import type { Conversation } from '../wire.ts';
import type { ChatProblem } from './chat-types.ts';
import { createNames } from './names.ts';
import { toProblem } from './problems.ts';
import { createReader } from './reader.ts';
import { createRuns, type Runs } from './runs.ts';
import { emptyThread, extend, type Thread, type ThreadMessage, type ThreadRun, toThread } from './thread.ts';
import { whenSeen } from './when-seen.ts';

export interface Screen {
  /** Aborted when another conversation is shown; whoever was at work for this one then touches nothing any more. */
  readonly signal: AbortSignal;
  readonly conversationId: string | null;
  /** See `Pending`. */
  lane: string;
  readonly conversation: Conversation | null;
  readonly thread: Thread;
  readonly runs: Runs;
  /** By message: the key that it had on its way. */
  readonly keys: ReadonlyMap<string, string>;
  readonly isLoading: boolean;
  /** How many messages stand before those that are shown. */
  readonly firstShown: number;
  problem: ChatProblem | null;
  nameOf(userId: string): string | null;
  /** Shows another one, of which nothing is known yet. */
  open(conversationId: string | null, lane: string): void;
  /** Reads all of it, once `prepare` is done: for the first time, or because the events cannot tell what has changed. */
  load(prepare?: () => Promise<void>): Promise<void>;
  /** The conversation that the first message begins was made. */
  become(made: Conversation): void;
  know(now: Conversation): void;
  /** Reads history again, once somebody looks. */
  readAgain(): void;
  /** Reads history again, now. Rejects when that fails. */
  read(): Promise<void>;
  /** Shows what was just accepted: a message (instead of `editOf`, or behind all others), or an answer to one. */
  accepted(editOf: string | null, message: ThreadMessage | null, run: ThreadRun, key?: string): void;
  showOlder(): void;
  /** Asks how long the run took that made this message. */
  loadDuration(messageId: string): Promise<void>;
  close(): void;
}

export function createScreen(parts: {
  readonly client: Client;
  readonly pageSize: number;
  readonly onChange: () => void;
}): Screen {
  const { client, pageSize, onChange } = parts;
  const runs = createRuns();
  const names = createNames(client, onChange);
  let leaving = new AbortController();
  let reader = createReader();
  let conversationId: string | null = null;
  let lane = '';
  let conversation: Conversation | null = null;
  let thread = emptyThread;
  let keys = new Map<string, string>();
  let isLoading = false;
  /** Null: history was not read yet. */
  let firstShown: number | null = null;
  let problem: ChatProblem | null = null;

  function know(now: Conversation | null): void {
    conversation = now;
    names.forget();
    onChange();
  }

  function show(now: Thread): void {
    thread = now;
    runs.show(now.runs);
    // A shorter branch must not be out of sight.
    const atLatest = Math.max(0, now.messages.length - pageSize);
    firstShown = Math.min(firstShown ?? atLatest, atLatest);
    onChange();
  }

  async function read(): Promise<void> {
    const id = conversationId;
    const { signal } = leaving;
    if (id === null) return;
    await reader.read(
      () => client.history(id, { signal }),
      (history) => {
        if (signal.aborted) return;
        show(toThread(history));
        names.learn(id, history.messages, signal);
      },
    );
  }

  const reading = whenSeen(() => {
    const { signal } = leaving;
    // Why there is no conversation any more must stay told.
    if (conversationId === null) return;
    read().then(
      () => setProblem(null, signal),
      (error: unknown) => setProblem(toProblem(error), signal),
    );
  });

  function setProblem(now: ChatProblem | null, { aborted }: AbortSignal): void {
    if (aborted) return;
    problem = now;
    onChange();
  }

  return {
    runs,
    get signal() {
      return leaving.signal;
    },
    get conversationId() {
      return conversationId;
    },
    get lane() {
      return lane;
    },
    set lane(now) {
      lane = now;
      onChange();
    },
    get conversation() {
      return conversation;
    },
    get thread() {
      return thread;
    },
    get keys() {
      return keys;
    },
    get isLoading() {
      return isLoading;
    },
    get firstShown() {
      return firstShown ?? 0;
    },
    get problem() {
      return problem;
    },
    set problem(now) {
      problem = now;
      onChange();
    },
    nameOf: names.of,
    open(id, itsLane) {
      leaving.abort();
      leaving = new AbortController();
      reader = createReader();
      runs.clear();
      conversationId = id;
      lane = itsLane;
      thread = emptyThread;
      keys = new Map();
      firstShown = null;
      problem = null;
      isLoading = id !== null;
      know(null);
    },
    async load(prepare) {
      const { signal } = leaving;
      try {
        await prepare?.();
        if (signal.aborted) return;
        if (conversationId !== null) {
          const before = conversation;
          const [known] = await Promise.all([client.conversation(conversationId, { signal }), read()]);
          // What an event has told since is newer.
          if (!signal.aborted && conversation === before) know(known);
        }
      } catch (error) {
        setProblem(toProblem(error), signal);
      }
      if (signal.aborted) return;
      isLoading = false;
      onChange();
    },
    become(made) {
      conversationId = made.id;
      know(made);
    },
    know,
    readAgain: reading.run,
    read,
    accepted(editOf, message, run, key) {
      if (message && key !== undefined) keys.set(message.id, key);
      const { messages } = thread;
      const answered = message ? editOf : run.promptMessageId;
      const place = answered === null ? messages.length : messages.findIndex(({ id }) => id === answered);
      const isThere = message !== null && messages.some(({ id }) => id === message.id);
      // What is being read of it now is too old. And it is read in any case: where the answer to the request was late, this
      // may be over already, and no event will say so again.
      reader.outdate();
      if (!isThere && place >= 0) show(extend(thread, message ? place : place + 1, message, run));
      reading.run();
    },
    showOlder() {
      firstShown = Math.max(0, (firstShown ?? 0) - pageSize);
      onChange();
    },
    async loadDuration(messageId) {
      const runId = thread.messages.find(({ id }) => id === messageId)?.runId;
      const run = runId && (await client.run(runId, { signal: leaving.signal }).catch(() => null));
      if (!run) return;
      runs.noteTimes(run);
      onChange();
    },
    close() {
      leaving.abort();
      reading.stop();
    },
  };
}
