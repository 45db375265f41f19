/** The two things that this page asks of the DOM. Text goes in as text; there is no way to put markup in. */

export function find<T extends HTMLElement>(id: string, type: new () => T): T {
  const found = document.getElementById(id);
  if (!(found instanceof type)) throw new Error(`the page has no ${type.name} #${id}`);
  return found;
}

export interface ElementOptions {
  readonly className?: string;
  readonly testId?: string;
  readonly text?: string;
  readonly label?: string;
  readonly onClick?: () => void;
}

export function element<K extends keyof HTMLElementTagNameMap>(
  name: K,
  { className, testId, text, label, onClick }: ElementOptions = {},
  children: readonly Node[] = [],
): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  if (className !== undefined) made.className = className;
  if (testId !== undefined) made.dataset['testid'] = testId;
  if (text !== undefined) made.textContent = text;
  if (label !== undefined) made.ariaLabel = label;
  if (onClick) made.addEventListener('click', onClick);
  if (made instanceof HTMLButtonElement) made.type = 'button';
  made.append(...children);
  return made;
}

/** Shows a sentence, or takes it away. */
export function say(line: HTMLElement, sentence: string | null): void {
  line.hidden = sentence === null;
  line.textContent = sentence;
}
