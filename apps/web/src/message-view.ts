import { element } from './dom.ts';
import { createTextView } from './text-view.ts';

export interface Action {
  readonly testId: 'retry' | 'regenerate' | 'edit' | 'cancel' | 'copy';
  readonly label: string;
  readonly run: (button: HTMLButtonElement) => void;
}

export interface Version {
  readonly position: number;
  readonly count: number;
  /** Whether another one may be shown; it is then shown to all members. */
  readonly mayChange: boolean;
}

/** What stands around the text of a message. */
export interface Surroundings {
  /** Above it: who wrote it; null for oneself and for answers. */
  readonly author?: string | null;
  /** Below it: what there is to say. */
  readonly sentence?: string | null;
  readonly actions?: readonly Action[];
  /** Which of several versions this is, from 1. */
  readonly version?: Version | null;
  /** Shows another version: one before (-1) or after (1) this one. */
  readonly onVersion?: (step: -1 | 1) => void;
}

/** One message on the page. `status` is a run's, or `sending` for a message that is not accepted yet. */
export interface MessageView {
  readonly element: HTMLElement;
  show(text: string, status: string): void;
  surround(surroundings: Surroundings): void;
  /** Puts a field with the text in the place of the message until it is sent or given up. */
  edit(text: string, onSend: (text: string) => void): void;
}

export function createMessageView(role: 'user' | 'assistant'): MessageView {
  const article = element('article', { className: 'message', testId: 'message' });
  article.dataset['role'] = role;
  const head = element('p', { className: 'author', testId: 'author' });
  head.dir = 'auto';
  head.hidden = true;
  const body = element('div', { className: 'text', testId: 'message-text' });
  const foot = element('div', { className: 'foot' });
  article.append(head, body, foot);
  const text = createTextView(body);
  let surrounded = '';
  /** What the buttons do now: those on the page are made once and may be older. */
  let current: Surroundings = {};
  /** Made once: one that was pressed may have something to say, and must not be gone from the page by then. */
  const buttons = new Map<Action['testId'], HTMLButtonElement>();

  function buttonOf({ testId, label }: Action): HTMLButtonElement {
    const known = buttons.get(testId);
    if (known) return known;
    const onClick = () => current.actions?.find((action) => action.testId === testId)?.run(button);
    const button = element('button', { className: 'quiet', testId, text: label, onClick });
    buttons.set(testId, button);
    return button;
  }

  function drawFoot(): void {
    const { sentence = null, actions = [], version = null } = current;
    const parts: Node[] = [];
    if (version && version.count > 1) parts.push(versionSwitch(version, (step) => current.onVersion?.(step)));
    if (sentence !== null) parts.push(element('p', { className: 'sentence', text: sentence }));
    foot.replaceChildren(...parts, ...actions.map(buttonOf));
  }

  return {
    element: article,
    show(whole, status) {
      text.show(whole);
      if (article.dataset['status'] === status) return;
      article.dataset['status'] = status;
      // While it is being written a screen reader waits; it would otherwise read out every fragment.
      article.ariaBusy = String(status === 'queued' || status === 'running');
    },
    surround(surroundings) {
      current = surroundings;
      // Drawing anew takes the focus away from whoever is about to press a button.
      const shape = JSON.stringify(surroundings);
      if (shape === surrounded) return;
      surrounded = shape;
      const { author = null } = surroundings;
      head.hidden = author === null;
      head.textContent = author;
      article.ariaLabel = role === 'assistant' ? 'Assistant' : (author ?? 'You');
      drawFoot();
    },
    edit(whole, onSend) {
      if (article.classList.contains('editing')) return;
      const field = element('textarea', { testId: 'edit-text', label: 'Your message' });
      field.value = whole;
      field.dir = 'auto';
      field.maxLength = 100_000;
      const close = () => {
        form.remove();
        article.classList.remove('editing');
        // Otherwise the keyboard would begin at the top of the page again.
        foot.querySelector<HTMLElement>('[data-testid=edit]')?.focus();
      };
      const send = element('button', { className: 'primary', testId: 'edit-send', text: 'Send' });
      send.type = 'submit';
      const form = element('form', { className: 'edit' }, [
        field,
        element('button', { className: 'quiet', testId: 'edit-cancel', text: 'Cancel', onClick: close }),
        send,
      ]);
      form.addEventListener('submit', (event) => {
        event.preventDefault();
        const changed = cleaned(field.value);
        if (changed.trim() === '') return;
        close();
        onSend(changed);
      });
      field.addEventListener('keydown', (event) => {
        // Escape during composition gives up a suggestion.
        if (event.key === 'Escape' && !event.isComposing) close();
        else submitOnEnter(event, form);
      });
      article.classList.add('editing');
      article.append(form);
      field.focus();
    },
  };
}

/** Broken UTF-16 and NUL cannot be stored; nobody types them, but some clipboards hold them. */
export function cleaned(text: string): string {
  return text.toWellFormed().replaceAll('\0', '');
}

export function submitOnEnter(event: KeyboardEvent, form: HTMLFormElement): void {
  // During composition (Chinese, Japanese, Korean) Enter takes a suggestion; it must not send.
  // Safari ends the composition before it tells of the key that ended it, and marks that key by this number only.
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  form.requestSubmit();
}

function versionSwitch(
  { position, count, mayChange }: Version,
  onVersion: (step: -1 | 1) => void,
): HTMLElement {
  const step = (by: -1 | 1, text: string, label: string, testId: string) => {
    const button = element('button', {
      className: 'plain',
      text,
      label,
      testId,
      onClick: () => onVersion(by),
    });
    button.disabled = !mayChange || position + by < 1 || position + by > count;
    return button;
  };
  return element('span', { className: 'versions', testId: 'versions' }, [
    step(-1, '‹', 'Previous version', 'version-previous'),
    element('span', { text: `${position}/${count}` }),
    step(1, '›', 'Next version', 'version-next'),
  ]);
}
