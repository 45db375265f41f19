import { createTextView } from './text-view.ts';

export interface Action {
  readonly testId: 'retry' | 'regenerate';
  readonly label: string;
  readonly run: () => void;
}

/** One message on the page. `status` is a run's, or `sending` for a message that is not accepted yet. */
export interface MessageView {
  readonly element: HTMLElement;
  show(text: string, status: string): void;
  /** The line below the text: a sentence (or none) and what can be done. */
  note(sentence: string | null, actions?: readonly Action[]): void;
}

export function createMessageView(role: 'user' | 'assistant'): MessageView {
  const element = document.createElement('article');
  element.className = 'message';
  element.dataset.testid = 'message';
  element.dataset.role = role;
  element.ariaLabel = role === 'user' ? 'You' : 'Assistant';
  const body = document.createElement('div');
  body.className = 'text';
  body.dataset.testid = 'message-text';
  const foot = document.createElement('div');
  foot.className = 'foot';
  element.append(body, foot);
  const text = createTextView(body);
  return {
    element,
    show(whole, status) {
      text.show(whole);
      if (element.dataset.status === status) return;
      element.dataset.status = status;
      // While it is being written a screen reader waits; it would otherwise read out every fragment.
      element.ariaBusy = String(status === 'queued' || status === 'running');
    },
    note(sentence, actions = []) {
      const line = document.createElement('p');
      line.className = 'sentence';
      line.textContent = sentence;
      foot.replaceChildren(...(sentence === null ? [] : [line]), ...actions.map(createButton));
    },
  };
}

function createButton({ testId, label, run }: Action): HTMLElement {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'quiet';
  button.dataset.testid = testId;
  button.textContent = label;
  button.addEventListener('click', run);
  return button;
}
