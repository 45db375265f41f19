import type { FoundConversation } from '@holdfast/client';
import { Ellipsis, Pin } from 'lucide-react';
import { memo, type ReactNode } from 'react';
import { useWords } from '../i18n/language.tsx';
import { IconButton } from '../ui/button.tsx';
import { ConversationMenu } from './conversation-menu.tsx';
import { useTitle } from './first-words.ts';

/** One conversation in the list. Its menu comes when one looks for it, and is always there for fingers. */
export const ConversationRow = memo(function ConversationRow({
  conversation,
  isShown,
  isAnswering,
  onChoose,
}: {
  readonly conversation: FoundConversation;
  readonly isShown: boolean;
  readonly isAnswering: boolean;
  readonly onChoose: () => void;
}): ReactNode {
  const words = useWords();
  const { id, match, pinned } = conversation;
  const title = useTitle(conversation);
  return (
    <li
      className={`looked-at relative rounded-xl transition-colors hover:bg-hover ${isShown ? 'bg-hover' : ''}`}
    >
      <a
        href={`#${id}`}
        data-testid="conversation-link"
        aria-current={isShown ? 'page' : undefined}
        onClick={onChoose}
        className="block rounded-xl py-2 ps-3 pe-10 pointer-coarse:py-2.5 pointer-coarse:pe-11 text-[0.9375rem] leading-5 no-underline -outline-offset-2"
      >
        <span className="flex items-center gap-1.5">
          {pinned && (
            <Pin role="img" aria-label={words.list.pinned} className="size-3.5 shrink-0 text-accent" />
          )}
          {/* The direction is the title's alone: its menu stays where it is in all rows. */}
          <span dir="auto" className="min-w-0 flex-1 truncate">
            {title ?? words.list.fresh}
          </span>
          {isAnswering && (
            <span
              role="img"
              data-testid="answering"
              aria-label={words.list.answering}
              title={words.list.answering}
              className="breathe size-2 shrink-0 rounded-full bg-accent"
            />
          )}
        </span>
        {match && (
          <small dir="auto" className="mt-0.5 line-clamp-2 text-[0.8125rem] text-faint">
            {match.snippet}
          </small>
        )}
      </a>
      <span className="shy absolute end-1.5 top-1 pointer-coarse:top-0.5">
        <ConversationMenu conversation={conversation} isShown={isShown}>
          <IconButton size="small" label={words.conversation.more}>
            <Ellipsis aria-hidden />
          </IconButton>
        </ConversationMenu>
      </span>
    </li>
  );
});
