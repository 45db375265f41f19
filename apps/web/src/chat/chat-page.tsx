/** The chat: the conversations beside it, its messages, and where one writes. */
import type { CurrentUser } from '@holdfast/client';
import { lazy, type ReactNode, useCallback, useMemo, useRef, useState } from 'react';
import { goTo } from '../address.ts';
import { Sidebar, type SidebarHandle } from '../list/sidebar.tsx';
import { UndoBar } from '../list/undo-bar.tsx';
import { Fallible } from '../ui/fallible.tsx';
import { useStayAtEnd } from '../ui/use-stay-at-end.ts';
import { Announcer } from './announcer.tsx';
import { ChatContext, type ChatParts } from './chat-context.ts';
import { Composer, type ComposerHandle } from './composer.tsx';
import { Header } from './header.tsx';
import { MessageList } from './message-list.tsx';
import { StatusLines } from './status-lines.tsx';
import { useConversation } from './use-conversation.ts';
import { useShortcuts } from './use-shortcuts.ts';
import { useStores } from './use-stores.ts';

const SettingsDialog = lazy(() => import('../settings/settings-dialog.tsx'));
const ShareDialog = lazy(() => import('../share/share-dialog.tsx'));
const RegisterDialog = lazy(() => import('../settings/register-dialog.tsx'));
const ShortcutsDialog = lazy(() => import('./shortcuts-dialog.tsx'));

/** What stands over the page. */
export type Overlay = 'settings' | 'share' | 'shortcuts' | 'register' | null;

export function ChatPage({
  user,
  conversationId,
}: {
  readonly user: CurrentUser;
  readonly conversationId: string | null;
}): ReactNode {
  const { chat, list } = useStores(user, conversationId);
  const [editingId, setEditing] = useState<string | null>(null);
  const [overlay, setOverlay] = useState<Overlay>(null);
  const composer = useRef<ComposerHandle>(null);
  const sidebar = useRef<SidebarHandle>(null);
  const conversation = useConversation({ chat, list });
  const stick = useStayAtEnd();
  const scrollToEnd = stick.goToEnd;
  const focusComposer = useCallback(() => composer.current?.focus(), []);
  const fresh = useCallback(() => {
    // One that is new already may have something in it that is not sent yet.
    if (location.hash.length <= 1) void chat.open(null);
    goTo(null);
    composer.current?.focus();
  }, [chat]);

  const parts = useMemo<ChatParts>(
    () => ({
      user,
      chat,
      list,
      editingId,
      setEditing,
      focusComposer,
      scrollToEnd,
      putBack: (text) => composer.current?.putBack(text),
    }),
    [user, chat, list, editingId, focusComposer, scrollToEnd],
  );

  useShortcuts({
    chat,
    onFresh: fresh,
    onSearch: () => sidebar.current?.search(),
    onSidebar: () => sidebar.current?.toggle(),
    onHelp: () => setOverlay('shortcuts'),
    onFocus: () => composer.current?.focus(true),
  });

  const close = () => setOverlay(null);
  return (
    <ChatContext value={parts}>
      <div className="flex h-dvh overflow-hidden">
        <Sidebar ref={sidebar} shownId={conversationId} onFresh={fresh} onOverlay={setOverlay} />
        <div className="flex min-w-0 flex-1 flex-col">
          <Header
            conversation={conversation}
            onSidebar={() => sidebar.current?.toggle()}
            onShare={() => setOverlay('share')}
            onFresh={fresh}
          />
          <MessageList stick={stick} onIdea={(text) => composer.current?.write(text)} />
          <footer className="column relative pb-[max(0.75rem,env(safe-area-inset-bottom))]">
            <UndoBar />
            <StatusLines />
            <Composer ref={composer} wantedId={conversationId} />
          </footer>
        </div>
      </div>
      <Announcer />
      <Fallible key={overlay}>
        {overlay === 'settings' && (
          <SettingsDialog user={user} onClose={close} onRegister={() => setOverlay('register')} />
        )}
        {overlay === 'register' && <RegisterDialog onClose={close} />}
        {overlay === 'shortcuts' && <ShortcutsDialog onClose={close} />}
        {overlay === 'share' && conversation && (
          <ShareDialog key={conversation.id} conversation={conversation} user={user} onClose={close} />
        )}
      </Fallible>
    </ChatContext>
  );
}
