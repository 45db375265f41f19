/**
 * The conversation that is shown. History is the truth and is read again whenever something happens in it; between, the
 * events of its runs are applied as they come.
 *
 * `open` leaves whatever was there: a conversation that is not shown is not followed, its runs go on by themselves, and
 * so does what was written in it and is not stored yet.
 */
import type { ReceivedLiveEvent } from '../follow-events.ts';
import { newIdempotencyKey } from '../idempotency-key.ts';
import { listen } from '../listen.ts';
import { createLiveEvents } from '../live-events.ts';
import { createStore, keepSame } from '../store.ts';
import { listenForWake } from '../wake.ts';
import { createAnswerAgain } from './answer-again.ts';
import type { Chat, ChatOptions, ChatState } from './chat-types.ts';
import { platformStorage } from './kept.ts';
import { createOutbox } from './outbox.ts';
import type { Outgoing, Pending } from './pending.ts';
import { problem, toProblem } from './problems.ts';
import { createScreen } from './screen.ts';
import { type StateParts, stateOf } from './state.ts';
import { createWho } from './who.ts';
import { createWishes } from './wishes.ts';

/** As many as a person scrolls through; a thousand at once would take a page seconds to draw. */
const pageSizeDefault = 100;

interface WriteParts extends Pick<Pending, 'conversation' | 'editOf'> {
  readonly body: Omit<Pending['body'], 'text'>;
}

/** Makes a chat, which opens `conversationId`. */
export function createChat(options: ChatOptions): Chat {
  const { client, storage = platformStorage(), pageSize = pageSizeDefault } = options;
  const events = options.events ?? createLiveEvents({ client });
  const store = createStore<ChatState>((before) =>
    keepSame(before, stateOf({ screen, wishes, who, outgoing: outgoing(), ...live })),
  );
  const { changed } = store;
  const who = createWho({ events, storage, onKnown: (kept) => outbox.restore(kept.pendings()) });
  const screen = createScreen({ client, pageSize, onChange: changed });
  const wishes = createWishes(() => screen.signal, changed);
  const outbox = createOutbox({
    client,
    kept: who.kept,
    onChange: changed,
    onMade(lane, made) {
      if (screen.lane !== lane) return;
      screen.become(made);
      events.follow(owner, made.id);
      options.onMade?.(made);
    },
    onAccepted(pending, { message, run }) {
      if (pending.conversationId === screen.conversationId) {
        screen.accepted(pending.editOf, message, run, pending.key);
      }
    },
  });
  const answerAgain = createAnswerAgain(client, wishes, screen);
  /** Who follows a conversation. */
  const owner = {};
  /** `order` of what was written last. */
  let written = 0;
  const { connection } = events.state;
  let live: Pick<StateParts, 'connection' | 'refusal'> = { connection, refusal: null };

  const underWay = () => screen.runs.underWay(screen.thread.runs).map(({ id }) => id);

  /** What is not stored yet of the conversation that is shown. */
  function outgoing(): readonly Outgoing[] {
    return outbox.all.filter(
      ({ pending: { conversationId, lane } }) =>
        conversationId === screen.conversationId && (conversationId !== null || lane === screen.lane),
    );
  }

  async function open(conversationId: string | null): Promise<void> {
    keepProgress();
    wishes.forget();
    const unsent = outbox.all.find(({ pending, status }) => !pending.conversationId && status === 'rejected');
    screen.open(conversationId, conversationId ?? unsent?.pending.lane ?? newIdempotencyKey());
    const { signal } = screen;
    await screen.load(async () => {
      const isFirst = who.known === null;
      const kept = await who.kept();
      if (signal.aborted) return;
      // What a reload has interrupted before its conversation was made is shown where it was written.
      const begun = outbox.all.find(({ pending }) => pending.conversationId === null);
      if (conversationId === null && isFirst && begun) screen.lane = begun.pending.lane;
      const progress = kept.takeProgress(conversationId);
      for (const [runId, { answer }] of progress?.answers ?? []) screen.runs.restore(runId, answer);
      events.follow(owner, conversationId, progress);
    });
  }

  async function again(): Promise<void> {
    const { conversationId, conversation } = screen;
    if (conversationId !== null && conversation !== null && who.known !== null) screen.readAgain();
    else await open(conversationId);
  }

  function write(text: string, parts: WriteParts): Promise<boolean> {
    written = Math.max(Date.now(), written + 1);
    screen.problem = null;
    return outbox.send({
      ...parts,
      body: { ...parts.body, text },
      key: newIdempotencyKey(),
      // Behind what was written here before, also where that has begun the conversation.
      lane: outgoing()[0]?.pending.lane ?? screen.lane,
      conversationId: screen.conversationId,
      after: screen.thread.messages.at(-1)?.id ?? null,
      order: written,
      problem: null,
    });
  }

  function hear({ type, data }: ReceivedLiveEvent): void {
    const of =
      'conversation' in data ? data.conversation.id : 'conversationId' in data ? data.conversationId : null;
    if (of !== null && of !== screen.conversationId) return;
    switch (type) {
      case 'run.event':
        if (screen.runs.apply(data.runId, data.event)) changed();
        break;
      case 'run.position':
        screen.runs.setQueue(data.runId, data);
        changed();
        break;
      case 'run.started':
        break;
      case 'conversation.changed':
        screen.know(data.conversation);
        screen.readAgain();
        break;
      case 'conversation.removed':
        screen.open(null, newIdempotencyKey());
        screen.problem = problem('conversation_removed');
        events.follow(owner, null);
        changed();
        break;
      case 'run.ended':
        screen.runs.noteTimes(data.run);
        screen.readAgain();
        break;
      case 'resync':
        void screen.load();
        break;
      case 'ready':
      case 'conversation.added':
      case 'message.added':
      case 'run.queued':
        screen.readAgain();
    }
  }

  function keepProgress(): void {
    const { conversationId, thread, runs } = screen;
    const { cursor } = events;
    // A page that is left before it knew of its answers must not forget what the one before it has kept.
    if (conversationId === null || cursor === null || thread.messages.length === 0) return;
    who.known?.kept.keepProgress({ conversationId, cursor, runs: underWay(), answers: runs.answers });
  }

  const stops = [
    events.listen(hear),
    events.watch(({ connection, refusal }) => {
      const isBack = connection === 'live' && live.connection !== 'live';
      live = { connection, refusal: refusal === null ? null : toProblem(refusal) };
      if (isBack) comeBack();
      changed();
    }),
    listenForWake(comeBack),
    // Phones end a hidden page without a pagehide, desktops reload a page without hiding it first.
    listen({ pagehide: keepProgress, visibilitychange: keepProgress }),
  ];

  /** What could not be read for want of a connection is read now that there is one. */
  function comeBack(): void {
    outbox.wake();
    if (screen.problem?.isRetryable) void again();
  }

  // Before anything is known: should the server be away, `watch` tells when it is back.
  events.follow(owner, null);
  void open(options.conversationId ?? null);

  return {
    getState: store.getState,
    subscribe: store.subscribe,
    async open(id) {
      // The page says so when it has put the conversation that was made into the address.
      const isShown = id === screen.conversationId && screen.problem === null;
      if (!isShown || (id === null && outgoing().length > 0)) await open(id);
    },
    ask: (text, { conversation = {}, ...body } = {}) => write(text, { conversation, body, editOf: null }),
    edit: (editOf, text, body = {}) => write(text, { conversation: {}, body, editOf }),
    async stop(runId = underWay()[0]) {
      if (runId === undefined) return true;
      const { signal } = screen;
      try {
        // Also when another conversation is shown meanwhile. The answer ends by its `cancelled` event, which follows.
        await client.cancel(runId);
        return true;
      } catch (error) {
        if (!signal.aborted && underWay().includes(runId)) screen.problem = toProblem(error);
        return false;
      }
    },
    regenerate: answerAgain('regenerate'),
    continueAnswer: answerAgain('continueAnswer'),
    showVersion: (messageId, leafId) =>
      wishes.grant(messageId, `show ${leafId}`, async (_key, signal) => {
        const { conversationId } = screen;
        if (conversationId === null) return;
        const changed = await client.updateConversation(conversationId, { leafId }, { signal });
        if (signal.aborted) return;
        screen.know(changed);
        await screen.read();
      }),
    async loadOlder() {
      screen.showOlder();
    },
    async retry() {
      outbox.retry(outgoing().map(({ pending }) => pending.key));
      if (events.state.refusal !== null) events.retry();
      if (screen.problem) await again();
    },
    withdraw(messageId) {
      const taken = outbox.withdraw(messageId);
      // Its conversation may have been asked for already. What is asked next may want another one, of another key.
      if (taken?.conversationId === null && outgoing().length === 0) screen.lane = newIdempotencyKey();
      return taken?.body.text ?? null;
    },
    dismiss() {
      screen.problem = null;
    },
    loadDuration: screen.loadDuration,
    close() {
      keepProgress();
      for (const stop of stops) stop();
      screen.close();
      outbox.close();
      events.release(owner);
      if (!options.events) events.stop();
      store.close();
    },
  };
}
