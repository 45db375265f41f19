import type { Conversation } from '@holdfast/client';
import { useReadable } from '@holdfast/client/react';
import type { ReactNode } from 'react';
import { useChatParts } from '../chat/chat-context.ts';
import { useWords } from '../i18n/language.tsx';
import { useTitle } from './first-words.ts';

/** Longer titles are cut, so that what is said about them is not. */
const titleCharsMax = 32;

function shortened(title: string): string {
  const letters = [...title];
  return letters.length > titleCharsMax ? `${letters.slice(0, titleCharsMax).join('').trimEnd()}…` : title;
}

/** What was just deleted, for as long as it can be brought back: above what it is put into. */
export function UndoBar(): ReactNode {
  const { list } = useChatParts();
  const removed = useReadable(list, (state) => state.removed);
  return (
    <div
      role="status"
      className="pointer-events-none absolute inset-x-0 bottom-full z-20 grid grid-cols-[minmax(0,1fr)] justify-items-center gap-2 px-4 pb-3"
    >
      {removed.map(({ conversation }) => (
        <Removed key={conversation.id} conversation={conversation} />
      ))}
    </div>
  );
}

function Removed({ conversation }: { readonly conversation: Conversation }): ReactNode {
  const words = useWords();
  const { list, focusComposer } = useChatParts();
  const title = useTitle(conversation);
  return (
    <div className="rise pointer-events-auto flex max-w-full items-center gap-4 rounded-xl bg-ink py-2 ps-4 pe-2 text-[0.9375rem] text-ground shadow-float">
      <span className="min-w-0 leading-6 [overflow-wrap:anywhere]">
        {words.list.removed(shortened(title ?? words.list.fresh))}
      </span>
      <button
        type="button"
        data-testid="undo"
        onClick={() => {
          focusComposer();
          list.undoRemove(conversation.id);
        }}
        className="shrink-0 rounded-lg px-3 py-1 font-semibold underline underline-offset-4"
      >
        {words.common.undo}
      </button>
    </div>
  );
}
