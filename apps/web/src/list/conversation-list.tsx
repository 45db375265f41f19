/** The list of conversations: the latest ones, or those that a search finds. */
import { useReadable } from '@holdfast/client/react';
import { Archive, Search } from 'lucide-react';
import { type ReactNode, type Ref, useState } from 'react';
import { useChatParts } from '../chat/chat-context.ts';
import { useWords } from '../i18n/language.tsx';
import { ConversationRow } from './conversation-row.tsx';

export function ConversationList({
  searchRef,
  shownId,
  onChoose,
}: {
  readonly searchRef: Ref<HTMLInputElement>;
  readonly shownId: string | null;
  readonly onChoose: () => void;
}): ReactNode {
  const { list: words, common } = useWords();
  const { list } = useChatParts();
  const { conversations, answering, archived, q, hasMore, isLoading } = useReadable(list);
  const [typed, setTyped] = useState(q);
  const search = (text: string) => {
    setTyped(text);
    list.search(text);
  };

  const isSearch = q.trim() !== '';
  const something = isSearch ? words.found : archived ? words.archived : words.recent;
  const nothing = isSearch ? words.nothingFound : archived ? words.nothingArchived : words.recent;
  const isNothing = conversations.length === 0;
  return (
    <>
      <div className="px-3 pt-1">
        <div className="relative">
          <Search aria-hidden className="pointer-events-none absolute start-3 top-2.5 size-4.5 text-faint" />
          <input
            ref={searchRef}
            type="search"
            data-testid="search"
            maxLength={200}
            placeholder={words.search}
            aria-label={words.searchLabel}
            value={typed}
            onChange={({ target }) => search(target.value)}
            onKeyDown={(event) => {
              if (event.key !== 'Escape' || typed === '') return;
              event.preventDefault();
              search('');
            }}
            className="w-full rounded-xl border border-transparent bg-transparent py-2 ps-10 pe-3 text-base outline-offset-0 hover:bg-hover focus:border-accent focus:bg-raised sm:text-[0.9375rem]"
          />
        </div>
      </div>
      <div className="flex items-center justify-between gap-2 ps-6 pe-4 pt-3 pb-1 text-[0.8125rem] text-faint">
        <span data-testid="list-title" role="status">
          {isLoading && isNothing ? `${common.loading}…` : isNothing ? nothing : something}
        </span>
        <button
          type="button"
          data-testid="show-archived"
          aria-pressed={archived}
          onClick={() => list.showArchived(!archived)}
          className="inline-flex items-center gap-1.5 rounded-lg px-2 py-1 hover:bg-hover hover:text-ink aria-pressed:bg-tint aria-pressed:text-accent"
        >
          <Archive aria-hidden className="size-3.5" />
          {words.archive}
        </button>
      </div>
      <ul className="min-h-0 flex-1 overflow-y-auto overscroll-contain px-3 pb-3">
        {conversations.map((conversation) => (
          <ConversationRow
            key={conversation.id}
            conversation={conversation}
            isShown={conversation.id === shownId}
            isAnswering={answering.includes(conversation.id)}
            onChoose={onChoose}
          />
        ))}
        {isNothing && !isLoading && !isSearch && !archived && (
          <li className="px-3 py-2 text-[0.875rem] text-faint">{words.nothing}</li>
        )}
        {hasMore && (
          <li>
            <button
              type="button"
              disabled={isLoading}
              onClick={() => void list.loadMore()}
              className="w-full rounded-xl px-3 py-2 text-start text-[0.875rem] text-soft hover:bg-hover"
            >
              {common.more}
            </button>
          </li>
        )}
      </ul>
    </>
  );
}
