import type { ChatMessage } from '@holdfast/client/chat';
import { memo, type ReactNode } from 'react';
import { useWords } from '../i18n/language.tsx';
import { Markdown, type WithSource } from '../markdown/markdown.tsx';
import { sentenceOfProblem } from '../problems.ts';
import { CopyButton } from '../ui/copy-button.tsx';

/** One message behind a public link: nobody says who wrote it, and nothing can be done with it but read and copy it. */
export const SharedMessage = memo(function SharedMessage({
  message,
}: {
  readonly message: ChatMessage;
}): ReactNode {
  const words = useWords();
  const { role, text, status, problem } = message;
  const isUnderWay = status === 'queued' || status === 'answering';
  if (role === 'user') {
    return (
      <article
        data-testid="message"
        data-role="user"
        data-status={status}
        aria-label={words.message.you}
        className="grid min-w-0 grid-cols-[minmax(0,1fr)] justify-items-end"
      >
        <div
          data-testid="message-text"
          dir="auto"
          className="max-w-[85%] rounded-3xl rounded-ee-lg bg-mine px-4.5 py-2.5 whitespace-pre-wrap [overflow-wrap:anywhere]"
          ref={(element: WithSource | null) => {
            if (element) element.source = text;
          }}
        >
          {text}
        </div>
      </article>
    );
  }
  const sentence = problem
    ? sentenceOfProblem(words, problem)
    : status === 'stopped'
      ? words.message.stopped
      : status === 'failed'
        ? words.message.brokeOff
        : null;
  return (
    <article
      data-testid="message"
      data-role="assistant"
      data-status={status}
      aria-label={words.message.assistant}
      aria-busy={isUnderWay}
      className="looked-at min-w-0"
    >
      <Markdown text={text} isWriting={isUnderWay} />
      <div className="mt-1.5 flex min-h-7.5 items-center gap-2 text-[0.875rem] text-faint">
        {sentence !== null && <p className={status === 'failed' ? 'text-bad' : ''}>{sentence}</p>}
        {!isUnderWay && text !== '' && (
          <span className="shy -ms-1.5">
            <CopyButton text={() => text} />
          </span>
        )}
      </div>
    </article>
  );
});
