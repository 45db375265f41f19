/** Above the messages: what the conversation is called, and what can be done with it as a whole. */
import type { Conversation } from '@holdfast/client';
import { Ellipsis, Menu as MenuIcon, SquarePen, UserRoundPlus } from 'lucide-react';
import { type ReactNode, useEffect } from 'react';
import { useWords } from '../i18n/language.tsx';
import { ConversationMenu } from '../list/conversation-menu.tsx';
import { useTitle } from '../list/first-words.ts';
import { Button, IconButton } from '../ui/button.tsx';

export function Header({
  conversation,
  onSidebar,
  onShare,
  onFresh,
}: {
  readonly conversation: Conversation | null;
  readonly onSidebar: () => void;
  readonly onShare: () => void;
  readonly onFresh: () => void;
}): ReactNode {
  const words = useWords();
  const title = useTitle(conversation);
  useEffect(() => {
    document.title = title === null ? 'Holdfast' : `${title} · Holdfast`;
  }, [title]);
  return (
    <header className="flex h-13 shrink-0 items-center gap-1 px-2 pt-[env(safe-area-inset-top)] sm:px-3">
      <IconButton label={words.list.show} onClick={onSidebar} className="md:hidden">
        <MenuIcon aria-hidden />
      </IconButton>
      <h1
        data-testid="title"
        dir="auto"
        className="min-w-0 flex-1 truncate px-2 text-[0.9375rem] font-semibold tracking-tight"
      >
        {title ?? (conversation ? words.list.fresh : 'Holdfast')}
      </h1>
      {conversation?.role === 'reader' && (
        <span
          data-testid="badge"
          className="shrink-0 rounded-full bg-mine px-2.5 py-0.5 text-[0.8125rem] text-soft"
        >
          {words.conversation.readOnly}
        </span>
      )}
      {conversation && (
        <>
          <Button kind="quiet" id="share" testId="share" onClick={onShare} className="px-3! py-1.5!">
            <UserRoundPlus aria-hidden className="size-4.5" />
            <span className="max-sm:sr-only">{words.conversation.share}</span>
          </Button>
          <ConversationMenu conversation={conversation} isShown>
            <IconButton testId="more" label={words.conversation.more}>
              <Ellipsis aria-hidden />
            </IconButton>
          </ConversationMenu>
        </>
      )}
      <IconButton label={words.list.fresh} onClick={onFresh} className="md:hidden">
        <SquarePen aria-hidden />
      </IconButton>
    </header>
  );
}
