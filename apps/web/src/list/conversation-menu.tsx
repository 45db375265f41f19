/** What can be done with a conversation: rename, pin, archive, export, delete. */
import type { Conversation } from '@holdfast/client';
import { Archive, ArchiveRestore, Download, FileText, Pencil, Pin, PinOff, Trash2 } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { goTo } from '../address.ts';
import { useChatParts } from '../chat/chat-context.ts';
import { useWords } from '../i18n/language.tsx';
import { client } from '../session/session.ts';
import { Menu, MenuItem, MenuLine } from '../ui/menu.tsx';
import { RenameDialog } from './rename-dialog.tsx';

export function ConversationMenu({
  conversation,
  isShown,
  children,
}: {
  readonly conversation: Conversation;
  /** It is on the screen. */
  readonly isShown: boolean;
  /** The button. */
  readonly children: ReactNode;
}): ReactNode {
  const { conversation: words } = useWords();
  const { list } = useChatParts();
  const [renames, setRenames] = useState(false);
  const { id, pinned, archived, role } = conversation;
  const leave = () => {
    if (isShown) goTo(null);
  };
  const archive = async () => {
    if ((await list.archive(id, !archived)) && !archived) leave();
  };
  return (
    <>
      <Menu
        items={
          <>
            {role !== 'reader' && (
              <MenuItem testId="menu-rename" onSelect={() => setRenames(true)}>
                <Pencil aria-hidden />
                {words.rename}
              </MenuItem>
            )}
            <MenuItem testId="menu-pin" onSelect={() => void list.pin(id, !pinned)}>
              {pinned ? <PinOff aria-hidden /> : <Pin aria-hidden />}
              {pinned ? words.unpin : words.pin}
            </MenuItem>
            <MenuItem testId="menu-archive" onSelect={() => void archive()}>
              {archived ? <ArchiveRestore aria-hidden /> : <Archive aria-hidden />}
              {archived ? words.unarchive : words.archive}
            </MenuItem>
            <MenuLine />
            <MenuItem testId="menu-markdown" href={client.exportUrl(id, 'markdown')}>
              <FileText aria-hidden />
              {words.markdown}
            </MenuItem>
            <MenuItem testId="menu-json" href={client.exportUrl(id, 'json')}>
              <Download aria-hidden />
              {words.json}
            </MenuItem>
            {role === 'owner' && (
              <>
                <MenuLine />
                <MenuItem
                  testId="menu-delete"
                  isDangerous
                  onSelect={() => {
                    list.remove(id);
                    leave();
                  }}
                >
                  <Trash2 aria-hidden />
                  {words.remove}
                </MenuItem>
              </>
            )}
          </>
        }
      >
        {children}
      </Menu>
      {renames && <RenameDialog conversation={conversation} onClose={() => setRenames(false)} />}
    </>
  );
}
