/** A sentence above the composer that belongs to no message, and what can be done about it. */
import { element, find, say } from './dom.ts';

export type Notify = (sentence: string | null, retry?: () => void) => void;

export function createNotice(): Notify {
  const notice = find('notice', HTMLElement);
  return (sentence, retry) => {
    say(notice, sentence);
    if (!retry) return;
    const onClick = () => {
      say(notice, null);
      retry();
    };
    notice.append(
      ' ',
      element('button', { className: 'quiet', testId: 'notice-retry', text: 'Try again', onClick }),
    );
  };
}
