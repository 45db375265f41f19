/**
 * A dialog over the page. Who closes it is back where they were, with the keyboard, too.
 *
 * It has a shade of its own instead of Radix' overlay, which locks the scrolling by a style element: the content
 * security policy refuses those, and nothing behind a dialog can be scrolled here.
 */
import { X } from 'lucide-react';
import { Dialog } from 'radix-ui';
import { type ReactNode, useState } from 'react';
import { useWords } from '../i18n/language.tsx';
import { IconButton } from './button.tsx';
import { lastTrigger } from './menu.tsx';

export interface ModalProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
  readonly testId: string;
  /** In pixels of a usual font size; a phone has what it has. */
  readonly width?: 'narrow' | 'wide';
  readonly description?: string | undefined;
  /** A question that is to be answered: it has no cross. */
  readonly isQuestion?: boolean;
}

export function Modal({
  title,
  onClose,
  children,
  testId,
  width = 'narrow',
  description,
  isQuestion = false,
}: ModalProps): ReactNode {
  const words = useWords();
  const [opener] = useState(() => document.activeElement);
  const giveBack = (event: Event) => {
    event.preventDefault();
    const target = opener?.isConnected && opener !== document.body ? opener : lastTrigger();
    if (target instanceof HTMLElement) target.focus();
  };
  return (
    <Dialog.Root open onOpenChange={(open) => !open && onClose()}>
      <Dialog.Portal>
        <div className="fixed inset-0 z-40 bg-shade" aria-hidden />
        <Dialog.Content
          data-testid={testId}
          role={isQuestion ? 'alertdialog' : 'dialog'}
          onCloseAutoFocus={giveBack}
          {...(description === undefined ? { 'aria-describedby': undefined } : {})}
          className={`rise fixed inset-x-0 bottom-0 z-50 mx-auto flex max-h-[92dvh] w-full flex-col overflow-hidden rounded-t-2xl border border-line bg-raised shadow-float outline-none sm:inset-y-0 sm:my-auto sm:h-fit sm:max-h-[calc(100dvh-3rem)] sm:rounded-2xl ${width === 'wide' ? 'sm:max-w-2xl' : 'sm:max-w-md'}`}
        >
          <div className="flex items-center justify-between gap-4 px-5 pt-4 pb-2 sm:px-6 sm:pt-5">
            <Dialog.Title className="text-lg leading-tight font-semibold tracking-tight">
              {title}
            </Dialog.Title>
            {!isQuestion && (
              <Dialog.Close asChild>
                <IconButton label={words.common.close} testId={`${testId}-close`} className="-me-2">
                  <X aria-hidden />
                </IconButton>
              </Dialog.Close>
            )}
          </div>
          <div className="min-h-0 overflow-y-auto overscroll-contain px-5 pt-2 pb-[max(1.25rem,env(safe-area-inset-bottom))] sm:px-6 sm:pb-6">
            {description !== undefined && (
              <Dialog.Description className="mb-4 text-[0.9375rem] text-soft">
                {description}
              </Dialog.Description>
            )}
            {children}
          </div>
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}
