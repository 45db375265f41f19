/**
 * The conversation on the screen. History is the truth and is read again whenever something happens in it; between, the
 * events of its runs are applied as they come.
 *
 * `open` leaves whatever was there: a conversation that is off the screen is not followed, its runs go on by themselves.
 */
import type { Conversation, LiveEvent } from '@holdfast/client';
import type { Chat, ChatParts } from './chat-parts.ts';
import { createNames } from './names.ts';
import { createOutbox } from './outbox.ts';
import { createReader } from './reader.ts';
import { intend, keepProgress, takeProgress } from './saved.ts';
import { isRetryable, placeInLine, sentenceOf } from './sentences.ts';
import { surroundingsOf } from './surroundings.ts';
import { toThread } from './thread.ts';
import { createThreadView } from './thread-view.ts';
import { whenSeen } from './when-seen.ts';
import { createWishes } from './wishes.ts';

export function createChat(parts: ChatParts): Chat {
  const { client, onNotice } = parts;
  /** Aborted when the conversation leaves the screen; whoever was at work for it then touches nothing any more. */
  let screen = new AbortController();
  let reader = createReader();
  let conversationId: string | null = null;
  let conversation: Conversation | null = null;
  let busy = false;
  /** By run: where it stands in the queue. */
  const places = new Map<string, string>();

  const view = createThreadView({
    log: parts.log,
    onGrowth: parts.onGrowth,
    surround: (entry, last) =>
      surroundingsOf(entry, last, {
        userId: parts.userId(),
        mayWrite: conversation !== null && conversation.role !== 'reader',
        nameOf: names.of,
        problemOf: wishes.problemOf,
        placeOf: (runId) => places.get(runId) ?? null,
        isNext: (runId) => underWay()[0] === runId,
        edit: wishes.edit,
        regenerate: wishes.regenerate,
        showVersion: (of, step) => conversationId && wishes.showVersion(conversationId, of, step),
        cancel: (runId) => void cancel(runId),
      }),
  });
  const names = createNames(client, () => view.refresh());
  const wishes = createWishes({
    client,
    view,
    signal: () => screen.signal,
    onBusy: setBusy,
    onAccepted: () => reader.outdate(),
    async onBranch(changed, signal) {
      know(changed);
      await read(signal);
    },
  });
  const outbox = createOutbox({
    client,
    show: view.outgoing,
    onMade(made) {
      conversationId = made.id;
      parts.onMade(made.id);
      know(made);
      parts.follow(made.id, null);
    },
    onAccepted({ message, run }) {
      reader.outdate();
      view.extend(view.thread.messages.length, message, run);
    },
    onRejected(text, sentence) {
      parts.onRejected(text);
      onNotice(sentence);
    },
  });

  /** The runs that are under way, in the order in which they are answered. */
  function underWay(): string[] {
    const { thread, answers } = view;
    return thread.runs.flatMap(({ id }) => (answers.get(id)?.messageId ? [] : id));
  }

  function tell(): void {
    parts.onState({ busy, answering: underWay()[0] ?? null, isReader: conversation?.role === 'reader' });
  }

  function setBusy(now: boolean): void {
    busy = now;
    tell();
  }

  function know(now: Conversation | null): void {
    conversation = now;
    parts.onConversation(now);
    view.refresh();
    tell();
  }

  function leave(): void {
    screen.abort();
    reader = createReader();
    places.clear();
    wishes.forget();
    names.forget();
  }

  async function open(id: string | null): Promise<void> {
    leave();
    screen = new AbortController();
    const { signal } = screen;
    const kept = takeProgress(id);
    conversationId = id;
    view.clear(new Map([...(kept?.answers ?? [])].map(([runId, { answer }]) => [runId, answer])));
    know(null);
    onNotice(null);
    setBusy(id !== null);
    parts.follow(id, kept);
    // A message that a reload interrupted goes out first; history then shows it where it belongs.
    await deliver(signal);
    if (signal.aborted || conversationId === null) return;
    try {
      const [known] = await Promise.all([client.conversation(conversationId, { signal }), read(signal)]);
      know(known);
    } catch (error) {
      if (signal.aborted) return;
      onNotice(sentenceOf(error), isRetryable(error) ? () => void open(conversationId) : undefined);
    }
    setBusy(false);
  }

  async function deliver(signal: AbortSignal): Promise<void> {
    setBusy(true);
    await outbox.deliver(conversationId, signal);
    if (!signal.aborted) setBusy(false);
  }

  /** Reads history and shows it. */
  async function read(signal: AbortSignal): Promise<void> {
    const id = conversationId;
    if (id === null) return;
    await reader.read(
      () => client.history(id, { signal }),
      (history) => {
        view.show(toThread(history));
        names.learn(id, parts.userId(), history.messages, signal);
        tell();
      },
    );
  }

  const readAgain = whenSeen(() => {
    const { signal } = screen;
    read(signal).catch((error: unknown) => {
      if (!signal.aborted) onNotice(sentenceOf(error), isRetryable(error) ? readAgain : undefined);
    });
  });

  async function cancel(runId: string): Promise<boolean> {
    const { signal } = screen;
    try {
      // The answer ends by its `cancelled` event, which follows.
      await client.cancel(runId, { signal });
      return true;
    } catch (error) {
      if (!signal.aborted && underWay().includes(runId)) onNotice(sentenceOf(error));
      return false;
    }
  }

  function hear({ type, data }: LiveEvent): void {
    if (type === 'ready' || type === 'resync') {
      readAgain();
      return;
    }
    const { id: of } = 'conversation' in data ? data.conversation : { id: data.conversationId };
    if (of !== conversationId) return;
    switch (type) {
      case 'run.event':
        view.apply(data.runId, data.event);
        tell();
        break;
      case 'run.position':
        places.set(data.runId, placeInLine(data.position, data.estimatedMs));
        view.refresh();
        break;
      case 'run.started':
        break;
      case 'conversation.changed':
        know(data.conversation);
        names.forget();
        readAgain();
        break;
      case 'conversation.removed':
        close();
        onNotice('This conversation was deleted, or you are no longer a member of it.');
        break;
      case 'conversation.added':
      case 'message.added':
      case 'run.queued':
      case 'run.ended':
        readAgain();
    }
  }

  function close(): void {
    leave();
    conversationId = null;
    view.clear();
    know(null);
    setBusy(false);
  }

  const keep = () => {
    const cursor = parts.cursor();
    // A page that is left before it knew of its answers must not forget what the one before it has kept.
    if (conversationId !== null && cursor !== null && view.thread.messages.length > 0) {
      keepProgress({ conversationId, cursor, runs: underWay(), answers: view.answers });
    }
  };
  // Phones end a hidden page without a pagehide, desktops reload a page without hiding it first.
  addEventListener('pagehide', keep);
  document.addEventListener('visibilitychange', keep);

  return {
    open,
    async send(text) {
      onNotice(null);
      intend(conversationId, text);
      await deliver(screen.signal);
    },
    async stop() {
      const [runId] = underWay();
      return runId === undefined || (await cancel(runId));
    },
    hear,
    close,
  };
}
