/** The conversations: a column where there is room for one, a drawer on a phone. */
import { PanelLeft, SquarePen, X } from 'lucide-react';
import { Dialog } from 'radix-ui';
import {
  type ReactNode,
  type Ref,
  useEffect,
  useImperativeHandle,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react';
import type { Overlay } from '../chat/chat-page.tsx';
import { useWords } from '../i18n/language.tsx';
import { readPreference, writePreference } from '../preferences.ts';
import { IconButton } from '../ui/button.tsx';
import { Mark } from '../ui/mark.tsx';
import { AccountMenu } from './account-menu.tsx';
import { ConversationList } from './conversation-list.tsx';
import { UndoBar } from './undo-bar.tsx';

export interface SidebarHandle {
  toggle(): void;
  /** Shows it, and puts the keyboard into its search. */
  search(): void;
}

export interface SidebarProps {
  readonly ref: Ref<SidebarHandle>;
  readonly shownId: string | null;
  readonly onFresh: () => void;
  readonly onOverlay: (overlay: Overlay) => void;
}

/** As in Tailwind's `md`. */
const wide = matchMedia('(min-width: 48rem)');

function useIsWide(): boolean {
  return useSyncExternalStore(
    (listener) => {
      wide.addEventListener('change', listener);
      return () => wide.removeEventListener('change', listener);
    },
    () => wide.matches,
  );
}

export function Sidebar({ ref, shownId, onFresh, onOverlay }: SidebarProps): ReactNode {
  const words = useWords();
  const isWide = useIsWide();
  const [isColumn, setColumn] = useState(() => readPreference('sidebar') !== 'hidden');
  const [isDrawer, setDrawer] = useState(false);
  const search = useRef<HTMLInputElement>(null);
  const wantsSearch = useRef(false);

  const show = (isShown: boolean) => {
    if (!isWide) setDrawer(isShown);
    else {
      setColumn(isShown);
      writePreference('sidebar', isShown ? null : 'hidden');
    }
  };
  const isShown = isWide ? isColumn : isDrawer;
  useImperativeHandle(ref, () => ({
    toggle: () => show(!isShown),
    search() {
      wantsSearch.current = true;
      if (isShown) search.current?.focus();
      else show(true);
    },
  }));
  useEffect(() => {
    if (isShown && wantsSearch.current) search.current?.focus();
    wantsSearch.current = false;
  }, [isShown]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: whoever has chosen a conversation wants to see it
  useEffect(() => setDrawer(false), [shownId]);

  const fresh = () => {
    setDrawer(false);
    onFresh();
  };
  const content = (
    <>
      <div className="flex items-center justify-between gap-2 px-3 pt-3 pb-2">
        <span className="flex items-center gap-2.5 px-1.5 font-semibold tracking-tight">
          <Mark />
          Holdfast
        </span>
        <IconButton label={words.list.hide} onClick={() => show(false)}>
          {isWide ? <PanelLeft aria-hidden /> : <X aria-hidden />}
        </IconButton>
      </div>
      <div className="px-3">
        <button
          type="button"
          data-testid="new-conversation"
          onClick={fresh}
          className="flex w-full items-center gap-3 rounded-xl px-3 py-2 text-start text-[0.9375rem] font-medium transition-colors hover:bg-hover"
        >
          <SquarePen aria-hidden className="size-4.5 text-accent" />
          {words.list.fresh}
        </button>
      </div>
      <ConversationList searchRef={search} shownId={shownId} onChoose={() => setDrawer(false)} />
      <div className="relative border-t border-line p-2 pb-[max(0.5rem,env(safe-area-inset-bottom))]">
        {/* A drawer covers the one of the conversation. */}
        {!isWide && <UndoBar />}
        <AccountMenu
          onOverlay={(overlay) => {
            setDrawer(false);
            onOverlay(overlay);
          }}
        />
      </div>
    </>
  );
  const shape = 'flex flex-col border-e border-line bg-sunken';
  if (isWide) {
    return isColumn ? (
      <nav aria-label={words.list.label} className={`${shape} w-72 shrink-0`}>
        {content}
      </nav>
    ) : (
      <div className="flex flex-col gap-1 ps-2 pt-2">
        <IconButton label={words.list.show} onClick={() => show(true)}>
          <PanelLeft aria-hidden />
        </IconButton>
        <IconButton label={words.list.fresh} onClick={onFresh}>
          <SquarePen aria-hidden />
        </IconButton>
      </div>
    );
  }
  return (
    <Dialog.Root open={isDrawer} onOpenChange={setDrawer}>
      <Dialog.Portal>
        <div className="fixed inset-0 z-30 bg-shade" aria-hidden />
        <Dialog.Content
          aria-describedby={undefined}
          onOpenAutoFocus={(event) => event.preventDefault()}
          className={`${shape} slide fixed inset-y-0 start-0 z-40 w-[min(20rem,86vw)] outline-none`}
        >
          <Dialog.Title className="sr-only">{words.list.label}</Dialog.Title>
          {content}
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
