/** What is on the screen: the title of the conversation, also that of the window, and what may be done with it. */
import { find, say } from './dom.ts';

export interface Header {
  show(title: string | null, badge: string | null): void;
}

export function createHeader(): Header {
  const heading = find('title', HTMLElement);
  const mark = find('badge', HTMLElement);
  return {
    show(title, badge) {
      heading.textContent = title ?? 'Holdfast';
      document.title = title === null ? 'Holdfast' : `${title} – Holdfast`;
      say(mark, badge);
    },
  };
}
