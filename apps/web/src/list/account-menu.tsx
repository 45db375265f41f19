/** Who is signed in, and what belongs to them. */
import { ChevronsUpDown, Keyboard, LogOut, Settings, ShieldCheck, UserRoundPlus } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { nameAddress } from '../address.ts';
import { useChatParts } from '../chat/chat-context.ts';
import type { Overlay } from '../chat/chat-page.tsx';
import { useWords } from '../i18n/language.tsx';
import { forgetUser } from '../kept.ts';
import { codeOf } from '../problems.ts';
import { client, signOut } from '../session/session.ts';
import { Button } from '../ui/button.tsx';
import { Menu, MenuItem, MenuLine } from '../ui/menu.tsx';
import { Modal } from '../ui/modal.tsx';
import { useWork } from '../ui/use-work.ts';

export function AccountMenu({ onOverlay }: { readonly onOverlay: (overlay: Overlay) => void }): ReactNode {
  const { account: words, admin, settings, common } = useWords();
  const { user } = useChatParts();
  const work = useWork();
  const [asks, setAsks] = useState(false);
  const isGuest = user.kind === 'guest';

  const logOut = () =>
    work.run(async () => {
      try {
        await client.logout();
      } catch (error) {
        if (codeOf(error) !== 'unauthenticated') throw error;
      }
      forgetUser(user.id);
      nameAddress('');
      signOut();
    });

  return (
    <>
      <Menu
        align="start"
        side="top"
        items={
          <>
            {isGuest && (
              <>
                <MenuItem testId="keep-account" onSelect={() => onOverlay('register')}>
                  <UserRoundPlus aria-hidden />
                  {words.keep}
                </MenuItem>
                <MenuLine />
              </>
            )}
            <MenuItem testId="settings" onSelect={() => onOverlay('settings')}>
              <Settings aria-hidden />
              {words.settings}
            </MenuItem>
            <MenuItem testId="shortcuts" onSelect={() => onOverlay('shortcuts')}>
              <Keyboard aria-hidden />
              {words.shortcuts}
            </MenuItem>
            {user.role === 'admin' && (
              <MenuItem
                testId="admin"
                onSelect={() => {
                  location.hash = 'admin';
                }}
              >
                <ShieldCheck aria-hidden />
                {words.admin}
              </MenuItem>
            )}
            <MenuLine />
            <MenuItem testId="log-out" onSelect={() => (isGuest ? setAsks(true) : void logOut())}>
              <LogOut aria-hidden />
              {words.logOut}
            </MenuItem>
          </>
        }
      >
        <button
          type="button"
          data-testid="account"
          className="flex w-full items-center gap-3 rounded-xl px-2.5 py-2 text-start transition-colors hover:bg-hover"
        >
          <span className="sr-only">{words.menu}:</span>
          <span
            aria-hidden
            className="grid size-8 shrink-0 place-items-center rounded-full bg-tint text-[0.875rem] font-semibold text-accent uppercase"
          >
            {[...user.name.trim()][0] ?? '·'}
          </span>
          <span className="min-w-0 flex-1">
            <span data-testid="account-name" dir="auto" className="block truncate text-[0.9375rem] leading-5">
              {user.name}
            </span>
            <span className="block truncate text-[0.8125rem] leading-4 text-faint">
              {isGuest ? admin.guest : (user.email ?? settings.account)}
            </span>
          </span>
          <ChevronsUpDown aria-hidden className="size-4 shrink-0 text-faint" />
        </button>
      </Menu>
      {asks && (
        <Modal
          title={words.logOut}
          description={words.guestLeaves}
          testId="log-out-dialog"
          isQuestion
          onClose={() => setAsks(false)}
        >
          <div className="flex justify-end gap-2">
            <Button onClick={() => setAsks(false)}>{common.cancel}</Button>
            <Button kind="danger" testId="log-out-confirm" onClick={() => void logOut()}>
              {words.logOut}
            </Button>
          </div>
        </Modal>
      )}
      {work.problem && (
        <p role="alert" className="px-3 py-1 text-[0.8125rem] text-bad">
          {work.problem}
        </p>
      )}
    </>
  );
}
