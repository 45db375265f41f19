/**
 * Reads a growing answer to whoever listens instead of looking: whole sentences, as they come, and never a fragment.
 * A log that is live by itself would be read again with each of its changes.
 */
import type { ChatMessage } from '@holdfast/client/chat';
import { useReadable } from '@holdfast/client/react';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useWords } from '../i18n/language.tsx';
import type { Words } from '../i18n/words.ts';
import { sentenceOfProblem } from '../problems.ts';
import { useChatParts } from './chat-context.ts';

/** A screen reader needs this long to notice one text before the next one. */
const pauseMs = 1_500;

/** Up to where a text can be read: the end of its last whole sentence or line. */
function readableEnd(text: string): number {
  let end = 0;
  for (const match of text.matchAll(/[.!?…](?=\s)|[。！？\n]/g)) end = match.index + 1;
  return end;
}

/** Without the marks of Markdown, which nobody wants to hear. */
function spoken(text: string): string {
  return text
    .replaceAll(/^ {0,3}(?:#{1,6} |[-*+] |> ?|`{3,}.*$|~{3,}.*$)/gm, '')
    .replaceAll(/[*_`|]/g, '')
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .trim();
}

/** How an answer ended. */
function endOf({ status, problem }: ChatMessage, words: Words): string {
  if (status === 'completed') return words.status.answered;
  if (status === 'stopped') return words.message.stopped;
  return problem ? sentenceOfProblem(words, problem) : words.message.brokeOff;
}

const isUnderWay = ({ status }: Pick<ChatMessage, 'status'>) => status === 'queued' || status === 'answering';

export function Announcer(): ReactNode {
  const words = useWords();
  const { chat } = useChatParts();
  const [said, setSaid] = useState('');
  /** The message that is being read, and how much of it was. */
  const place = useRef<{ key: string; read: number } | null>(null);
  const last = useReadable(chat, (state) => {
    const message = state.messages.at(-1);
    return message ? { key: message.key, status: message.status } : null;
  });

  useEffect(() => {
    const find = (key: string) => chat.getState().messages.find((one) => one.key === key);
    const read = () => {
      const { current } = place;
      const message = current && find(current.key);
      if (!message) return;
      if (message.status === 'queued') {
        const { queue } = message;
        setSaid(queue ? words.status.inLine(queue.position, queue.estimatedMs) : words.status.waits);
        return;
      }
      // Another attempt begins anew.
      if (message.text.length < current.read) current.read = 0;
      const fresh = message.text.slice(current.read);
      const isWhole = !isUnderWay(message);
      const end = isWhole ? fresh.length : readableEnd(fresh);
      current.read += end;
      const text = spoken(fresh.slice(0, end));
      if (isWhole) {
        setSaid(`${text} ${endOf(message, words)}`.trim());
        place.current = null;
      } else if (text !== '') setSaid(text);
    };
    // What was under way until now may have ended, with or without a word.
    const before = place.current && find(place.current.key);
    if (before && !isUnderWay(before)) read();
    if (!last || !isUnderWay(last)) return;
    // An answer that was under way before this page came is read from here on.
    if (place.current?.key !== last.key) {
      place.current = { key: last.key, read: find(last.key)?.text.length ?? 0 };
    }
    if (last.status === 'answering') setSaid(words.status.answering);
    const timer = setInterval(read, pauseMs);
    return () => clearInterval(timer);
  }, [last, chat, words]);

  return (
    <div className="sr-only" role="status" aria-live="polite" data-testid="announcer">
      {said}
    </div>
  );
}
