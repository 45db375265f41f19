/** Where one writes. What stands in it survives reloads, and belongs to the conversation in which it was written. */
import type { ChatState } from './chat-parts.ts';
import { find } from './dom.ts';
import { cleaned, submitOnEnter } from './message-view.ts';
import { drafts } from './saved.ts';

export interface ComposerParts {
  readonly onSend: (text: string) => void;
  /** Resolves to whether it will stop. */
  readonly onStop: () => Promise<boolean>;
}

export interface Composer {
  /** Goes to another conversation, or to none that is made yet (null). */
  open(conversationId: string | null): void;
  /** The conversation that was none yet has been made: what was typed meanwhile belongs to it. */
  made(conversationId: string): void;
  /** Puts back a text that was not sent. */
  putBack(text: string): void;
  show(state: ChatState): void;
  focus(): void;
}

export function createComposer({ onSend, onStop }: ComposerParts): Composer {
  const form = find('form', HTMLFormElement);
  const field = find('composer', HTMLTextAreaElement);
  const sendButton = find('send', HTMLButtonElement);
  const stopButton = find('stop', HTMLButtonElement);
  let current: string | null = null;
  let state: ChatState = { busy: false, answering: null, isReader: false };
  /** The run that was told to stop. */
  let stopped: string | null = null;

  function keep(): void {
    drafts.set(current, field.value === '' ? null : { text: field.value });
  }

  function draw(): void {
    const { busy, answering, isReader } = state;
    stopButton.hidden = answering === null || isReader;
    stopButton.disabled = answering === stopped;
    // While an answer is under way the next question may be sent already: it waits for its turn.
    sendButton.hidden = answering !== null && field.value.trim() === '';
    sendButton.disabled = busy || isReader;
    field.disabled = isReader;
    field.placeholder = isReader ? 'You can read this conversation, not write in it.' : 'Message';
  }

  /** Not where focusing means that a keyboard covers half of the screen. */
  function focus(): void {
    if (matchMedia('(pointer: fine)').matches) field.focus();
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const text = cleaned(field.value);
    if (state.busy || state.isReader || text.trim() === '') return;
    field.value = '';
    keep();
    onSend(text);
    draw();
  });
  field.addEventListener('keydown', (event) => submitOnEnter(event, form));
  field.addEventListener('input', () => {
    keep();
    draw();
  });
  async function stop(): Promise<void> {
    stopped = state.answering;
    draw();
    // A button that is disabled or goes takes the focus with it; the keyboard would begin at the top of the page again.
    focus();
    if (await onStop()) return;
    stopped = null;
    draw();
  }

  stopButton.addEventListener('click', () => void stop());

  return {
    open(conversationId) {
      current = conversationId;
      field.value = drafts.get(current)?.text ?? '';
      draw();
    },
    made(conversationId) {
      drafts.set(conversationId, drafts.get(null));
      drafts.set(null, null);
      current = conversationId;
    },
    putBack(text) {
      field.value = field.value === '' ? text : `${text}\n${field.value}`;
      keep();
      draw();
    },
    show(now) {
      state = now;
      draw();
    },
    focus,
  };
}
