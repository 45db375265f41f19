/**
 * Reads a growing answer to whoever listens instead of looking: whole sentences, as they come, and never a fragment.
 * A log that is live by itself would be read again with each of its changes.
 */
import { useReadable } from '@holdfast/client/react';
import { type ReactNode, useEffect, useRef, useState } from 'react';
import { useWords } from '../i18n/language.tsx';
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

export function Announcer(): ReactNode {
  const words = useWords();
  const { chat } = useChatParts();
  const [said, setSaid] = useState('');
  /** The message that is being read, and how much of it was. */
  const place = useRef<{ key: string; read: number } | null>(null);
  const status = useReadable(chat, (state) => state.messages.at(-1)?.status ?? null);
  const isUnderWay = status === 'queued' || status === 'answering';

  useEffect(() => {
    if (!isUnderWay) return;
    const key = chat.getState().messages.at(-1)?.key ?? '';
    // An answer that was under way before this page came is read from here on.
    if (place.current?.key !== key) {
      place.current = { key, read: chat.getState().messages.at(-1)?.text.length ?? 0 };
      setSaid(words.status.answering);
    }
    const read = (isWhole: boolean) => {
      const message = chat.getState().messages.find((one) => one.key === key);
      if (!message || place.current?.key !== key) return;
      // Another attempt begins anew.
      if (message.text.length < place.current.read) place.current.read = 0;
      const fresh = message.text.slice(place.current.read);
      const end = isWhole ? fresh.length : readableEnd(fresh);
      place.current.read += end;
      const text = spoken(fresh.slice(0, end));
      if (isWhole) setSaid(`${text} ${words.status.answered}`);
      else if (text !== '') setSaid(text);
    };
    const timer = setInterval(read, pauseMs, false);
    return () => {
      clearInterval(timer);
      read(true);
    };
  }, [isUnderWay, chat, words]);

  return (
    <div className="sr-only" role="status" aria-live="polite" data-testid="announcer">
      {said}
    </div>
  );
}
