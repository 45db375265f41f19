import { Fragment, type ReactNode } from 'react';
import { useWords } from '../i18n/language.tsx';
import { Modal } from '../ui/modal.tsx';
import { isMac } from './use-shortcuts.ts';

const mod = isMac ? '⌘' : 'Ctrl';

/** What the keys do. */
export default function ShortcutsDialog({ onClose }: { readonly onClose: () => void }): ReactNode {
  const { keys } = useWords();
  const rows = [
    [keys.send, 'Enter'],
    [keys.newline, 'Shift', 'Enter'],
    [keys.stop, 'Esc'],
    [keys.edit, '↑'],
    [keys.fresh, mod, 'Shift', 'O'],
    [keys.search, mod, 'K'],
    [keys.sidebar, mod, 'Shift', 'S'],
    [keys.focus, 'Shift', 'Esc'],
    [keys.help, mod, '/'],
  ] as const;
  return (
    <Modal title={keys.title} testId="shortcuts-dialog" onClose={onClose}>
      <dl className="grid grid-cols-[1fr_auto] items-center gap-x-6 gap-y-2.5 pt-2">
        {rows.map(([what, ...combination]) => (
          <Fragment key={what}>
            <dt className="text-soft">{what}</dt>
            <dd className="flex gap-1">
              {combination.map((key) => (
                <kbd
                  key={key}
                  className="min-w-7 rounded-md border border-line bg-sunken px-1.5 py-0.5 text-center font-sans text-[0.8125rem]"
                >
                  {key}
                </kbd>
              ))}
            </dd>
          </Fragment>
        ))}
      </dl>
    </Modal>
  );
}
