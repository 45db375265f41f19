/** What a public link shows: the conversation, read-only, with the answer that is being written. */
import { useSharedChat } from '@holdfast/client/react';
import { ArrowDown } from 'lucide-react';
import { type ReactNode, useEffect } from 'react';
import { ConnectionLine } from '../chat/status-lines.tsx';
import { useWords } from '../i18n/language.tsx';
import { sentenceOfProblem } from '../problems.ts';
import { client } from '../session/session.ts';
import { IconButton } from '../ui/button.tsx';
import { Mark } from '../ui/mark.tsx';
import { useStayAtEnd } from '../ui/use-stay-at-end.ts';
import { SharedMessage } from './shared-message.tsx';

export default function SharedPage({ token }: { readonly token: string }): ReactNode {
  const words = useWords();
  const { title, messages, problem, isOffline, isGone } = useSharedChat({ client, token });
  const stick = useStayAtEnd();
  useEffect(() => {
    document.title = title === null ? 'Holdfast' : `${title} · Holdfast`;
  }, [title]);

  const sentence = isGone
    ? words.problems.public_link_not_found
    : problem && sentenceOfProblem(words, problem);
  return (
    <div className="flex h-dvh flex-col overflow-hidden">
      <header className="flex h-13 shrink-0 items-center gap-3 px-4">
        <Mark className="size-6 shrink-0" />
        <h1
          data-testid="title"
          dir="auto"
          className="min-w-0 flex-1 truncate text-[0.9375rem] font-semibold tracking-tight"
        >
          {title ?? 'Holdfast'}
        </h1>
        <span
          data-testid="badge"
          className="shrink-0 rounded-full bg-mine px-2.5 py-0.5 text-[0.8125rem] text-soft"
        >
          {words.conversation.shared}
        </span>
      </header>
      <div className="relative min-h-0 flex-1">
        <main
          id="scroller"
          ref={stick.scrollRef}
          className="h-full overflow-y-auto overscroll-contain [scrollbar-gutter:stable_both-edges]"
        >
          <div ref={stick.contentRef}>
            <div
              id="log"
              role="log"
              aria-label={words.conversation.label}
              className="column grid grid-cols-[minmax(0,1fr)] gap-5 py-6"
            >
              {messages.map((message) => (
                <SharedMessage key={message.key} message={message} />
              ))}
            </div>
          </div>
        </main>
        {!stick.isAtEnd && (
          <div className="pointer-events-none absolute inset-x-0 bottom-2 grid justify-center">
            <IconButton
              label={words.conversation.toEnd}
              onClick={stick.goToEnd}
              className="rise pointer-events-auto rounded-full! border border-line bg-raised shadow-card"
            >
              <ArrowDown aria-hidden />
            </IconButton>
          </div>
        )}
      </div>
      <footer className="column pb-[max(0.75rem,env(safe-area-inset-bottom))]">
        {isOffline && !isGone && <ConnectionLine />}
        {sentence && (
          <p data-testid="notice" role="alert" className="mb-2 rounded-xl bg-bad-tint px-3.5 py-2 text-bad">
            {sentence}
          </p>
        )}
      </footer>
    </div>
  );
}
