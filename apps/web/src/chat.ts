/**
 * The conversation on the screen. It is in one of three states:
 *
 * idle       a message can be sent, the last answer regenerated
 * busy       a request is under way whose answer decides what is on the screen
 * answering  a run is followed and can be stopped
 *
 * `open` leaves whatever was there: a conversation that is off the screen is not followed, its run goes on by itself.
 */
import {
  type Answer,
  applyEvent,
  type Client,
  emptyAnswer,
  type FollowState,
  type Message,
  newIdempotencyKey,
  type RunView,
} from '@holdfast/client';
import { type Action, createMessageView, type MessageView } from './message-view.ts';
import { intend, keepProgress, pendings, takeProgress } from './saved.ts';
import { codeOf, endingOf, isRetryable, sentenceOf, titleOf } from './sentences.ts';

export type ChatState = 'idle' | 'busy' | 'answering';

export interface ChatParts {
  readonly client: Client;
  readonly log: HTMLElement;
  readonly onState: (state: ChatState) => void;
  /** The connection of the followed run, or null when none is followed. */
  readonly onConnection: (state: FollowState | null) => void;
  /** A sentence for people that belongs to no message; null takes it away. */
  readonly onNotice: (sentence: string | null) => void;
  /** A text that the server will not take as it is, to be changed. */
  readonly onRejected: (text: string) => void;
  /** A conversation was made. */
  readonly onConversation: (id: string) => void;
  /** A conversation was made or went on. */
  readonly onProgress: () => void;
  /** The log grew. */
  readonly onGrowth: () => void;
}

export interface Chat {
  open(conversationId: string | null): Promise<void>;
  send(text: string): Promise<void>;
  stop(): Promise<void>;
}

export function createChat(parts: ChatParts): Chat {
  const { client, log, onState, onConnection, onNotice, onGrowth } = parts;
  /** Aborted when the conversation leaves the screen; whoever was at work for it then touches nothing any more. */
  let screen = new AbortController();
  let conversationId: string | null = null;
  let activeRun: RunView | null = null;

  function add(role: Message['role'], text: string, status: string): MessageView {
    const view = createMessageView(role);
    view.show(text, status);
    log.append(view.element);
    onGrowth();
    return view;
  }

  async function open(id: string | null): Promise<void> {
    screen.abort();
    screen = new AbortController();
    const { signal } = screen;
    conversationId = id;
    activeRun = null;
    log.replaceChildren();
    onConnection(null);
    onNotice(null);
    onState(id === null ? 'idle' : 'busy');
    // A message that a reload interrupted goes out first; history then shows it where it belongs.
    if (pendings.get(id) && !(await deliver(signal))) return;
    if (conversationId === null) return;
    try {
      const { messages, activeRun: run } = await client.history(conversationId, { signal });
      log.replaceChildren();
      // While the prompt is answered anew, its former answer makes room.
      const end = run ? messages.findIndex((message) => message.id === run.promptMessageId) + 1 : 0;
      for (const message of end > 0 ? messages.slice(0, end) : messages) {
        const view = add(message.role, message.text, message.status);
        if (message.role === 'assistant') settle(view, message);
      }
      if (run) await follow(run, signal);
      else onState('idle');
    } catch (error) {
      if (signal.aborted) return;
      onState('idle');
      const view = add('assistant', '', 'failed');
      view.note(sentenceOf(error), isRetryable(error) ? [tryAgain(() => void open(conversationId))] : []);
    }
  }

  /** Sends what is pending here and shows it on its way. Returns what was accepted, or null when it was not. */
  async function deliver(signal: AbortSignal) {
    const pending = pendings.get(conversationId);
    if (!pending) return null;
    const view = add('user', pending.text, 'sending');
    onState('busy');
    try {
      if (conversationId === null) {
        const key = { idempotencyKey: pending.conversationKey, signal };
        const { id } = await client.createConversation({ title: titleOf(pending.text) }, key);
        // In this order: a reload in between finds it under one of the two, and the same keys lead to the same.
        pendings.set(id, pending);
        pendings.set(null, null);
        conversationId = id;
        parts.onConversation(id);
      }
      const key = { idempotencyKey: pending.messageKey, signal };
      const accepted = await client.postMessage(conversationId, { text: pending.text }, key);
      pendings.set(conversationId, null);
      view.show(pending.text, 'completed');
      parts.onProgress();
      return accepted;
    } catch (error) {
      if (signal.aborted) return null;
      onState('idle');
      view.show(pending.text, 'failed');
      if (isRetryable(error)) {
        view.note(sentenceOf(error), [tryAgain(() => void retryDelivery(view, signal))]);
        return null;
      }
      pendings.set(conversationId, null);
      parts.onRejected(pending.text);
      // Another tab asked first: show what is going on there.
      if (codeOf(error) === 'conversation_busy') void open(conversationId);
      else view.element.remove();
      onNotice(sentenceOf(error));
      return null;
    }
  }

  async function retryDelivery(view: MessageView, signal: AbortSignal): Promise<void> {
    view.element.remove();
    const accepted = await deliver(signal);
    if (accepted) await follow(accepted.run, signal);
  }

  async function send(text: string): Promise<void> {
    const { signal } = screen;
    onNotice(null);
    intend(conversationId, text);
    const accepted = await deliver(signal);
    if (accepted) await follow(accepted.run, signal);
  }

  async function follow(run: RunView, signal: AbortSignal): Promise<void> {
    const saved = takeProgress(run.id);
    let answer: Answer = saved ? { ...emptyAnswer, ...saved, status: 'running' } : emptyAnswer;
    const view = add('assistant', answer.text, answer.status);
    activeRun = run;
    onState('answering');
    let frame = 0;
    const paint = () => {
      frame = 0;
      view.show(answer.text, answer.status);
      onGrowth();
    };
    // Phones end a hidden page without a pagehide, desktops reload a page without hiding it first.
    const keep = () => keepProgress(run.id, answer);
    addEventListener('pagehide', keep);
    document.addEventListener('visibilitychange', keep);
    try {
      for await (const event of client.follow(run, {
        cursor: answer.cursor,
        signal,
        onState: onConnection,
      })) {
        answer = applyEvent(answer, event);
        frame ||= requestAnimationFrame(paint);
      }
      keepProgress(run.id, null);
      onConnection(null);
      // 204: it had ended where we stood; history has the rest.
      if (answer.messageId === null) return await open(conversationId);
      paint();
      settle(view, { ...answer, id: answer.messageId });
      activeRun = null;
      onNotice(null);
      onState('idle');
      parts.onProgress();
    } catch (error) {
      if (signal.aborted) return keep();
      onConnection(null);
      activeRun = null;
      onState('idle');
      view.show(answer.text, 'failed');
      view.note(sentenceOf(error), [tryAgain(() => void open(conversationId))]);
    } finally {
      cancelAnimationFrame(frame);
      removeEventListener('pagehide', keep);
      document.removeEventListener('visibilitychange', keep);
    }
  }

  /** Puts below an ended answer how it ended and how to get another one. */
  function settle(
    view: MessageView,
    ended: Pick<Message, 'id' | 'failure' | 'finishReason'> & { status: string },
  ): void {
    // One key for as long as this button stands: a second click after a lost answer must not make a second run.
    let key: string | undefined;
    const { signal } = screen;
    const again = async () => {
      key ??= newIdempotencyKey();
      onNotice(null);
      onState('busy');
      view.note(null);
      try {
        const { run } = await client.regenerate(ended.id, {}, { idempotencyKey: key, signal });
        view.element.remove();
        await follow(run, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (codeOf(error) === 'conversation_busy') return void open(conversationId);
        onState('idle');
        view.note(sentenceOf(error), [tryAgain(() => void again())]);
      }
    };
    const action: Action =
      ended.status === 'failed'
        ? tryAgain(() => void again())
        : { testId: 'regenerate', label: 'Regenerate', run: () => void again() };
    view.note(endingOf(ended), [action]);
    onGrowth();
  }

  async function stop(): Promise<void> {
    const run = activeRun;
    if (!run) return;
    try {
      // The answer ends by its `cancelled` event, which follows.
      await client.cancel(run.id, { signal: screen.signal });
    } catch (error) {
      if (activeRun !== run) return;
      onState('answering');
      onNotice(sentenceOf(error));
    }
  }

  return { open, send, stop };
}

function tryAgain(run: () => void): Action {
  return { testId: 'retry', label: 'Try again', run };
}
