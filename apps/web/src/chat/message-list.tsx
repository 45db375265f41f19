/** The messages, with their end in sight for whoever is there; everybody else stays where they read. */
import { useReadable } from '@holdfast/client/react';
import { ArrowDown } from 'lucide-react';
import { type ReactNode, useEffect } from 'react';
import { useWords } from '../i18n/language.tsx';
import { Button, IconButton } from '../ui/button.tsx';
import type { StayAtEnd } from '../ui/use-stay-at-end.ts';
import { useChatParts } from './chat-context.ts';
import { EmptyState } from './empty-state.tsx';
import { Message } from './message.tsx';

export function MessageList({
  stick,
  onIdea,
}: {
  readonly stick: StayAtEnd;
  readonly onIdea: (text: string) => void;
}): ReactNode {
  const words = useWords();
  const { chat, editingId, scrollToEnd } = useChatParts();
  const { messages, canWrite, isLoading, hasOlder, conversationId, runId, problem } = useReadable(chat);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another conversation begins at its end
  useEffect(scrollToEnd, [conversationId]);

  const isEmpty = messages.length === 0 && !isLoading && !problem;
  return (
    <div className="relative min-h-0 flex-1">
      <main
        id="scroller"
        ref={stick.scrollRef}
        className="h-full overflow-y-auto overscroll-contain [scrollbar-gutter:stable_both-edges]"
      >
        <div ref={stick.contentRef} className={isEmpty ? 'h-full' : ''}>
          {hasOlder && (
            <div className="pt-4 text-center">
              <Button kind="quiet" onClick={() => void chat.loadOlder()}>
                {words.conversation.older}
              </Button>
            </div>
          )}
          {/* Read out piece by piece by announcer.tsx: a live log would read every fragment of a growing answer. */}
          <div
            id="log"
            role="log"
            aria-live="off"
            aria-label={words.conversation.label}
            className={isEmpty ? 'hidden' : 'column grid grid-cols-[minmax(0,1fr)] gap-3 py-6'}
          >
            {messages.map((message, at) => (
              <Message
                key={message.key}
                message={message}
                isLast={at === messages.length - 1}
                canWrite={canWrite}
                isNext={message.runId !== null && message.runId === runId}
                isEditing={message.id === editingId}
              />
            ))}
          </div>
          {/* Of a conversation that is there at once nobody wants to read that it is not. */}
          {isLoading && messages.length === 0 && (
            <p role="status" className="late py-16 text-center text-[0.9375rem] text-faint">
              {words.common.loading}…
            </p>
          )}
          {isEmpty && <EmptyState onIdea={onIdea} canWrite={canWrite} />}
        </div>
      </main>
      {!stick.isAtEnd && !isEmpty && (
        <div className="pointer-events-none absolute inset-x-0 bottom-2 grid justify-center">
          <IconButton
            label={words.conversation.toEnd}
            onClick={scrollToEnd}
            className="rise pointer-events-auto rounded-full! border border-line bg-raised shadow-card"
          >
            <ArrowDown aria-hidden />
          </IconButton>
        </div>
      )}
    </div>
  );
}
