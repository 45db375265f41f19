import { element } from './dom.ts';

/** A line of a list in a dialog, with a button that cannot be pressed twice while it works; `label` null: without one. */
export function createRow(text: string, label: string | null, onClick: () => Promise<void>): HTMLElement {
  const words = element('span', { text });
  words.dir = 'auto';
  if (label === null) return element('li', {}, [words]);
  // Several of them look alike; what they are about stands beside them.
  const button = element('button', { className: 'quiet', text: label, label: `${label}: ${text}` });
  button.addEventListener('click', () => {
    button.disabled = true;
    void onClick().finally(() => {
      button.disabled = false;
    });
  });
  return element('li', {}, [words, button]);
}
