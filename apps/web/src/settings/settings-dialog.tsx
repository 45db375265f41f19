/** One's own account and this browser. */
import type { CurrentUser } from '@holdfast/client';
import { Tabs } from 'radix-ui';
import type { ReactNode } from 'react';
import { useWords } from '../i18n/language.tsx';
import { Modal } from '../ui/modal.tsx';
import { AccountTab } from './account-tab.tsx';
import { GeneralTab } from './general-tab.tsx';
import { KeysTab } from './keys-tab.tsx';
import { UsageTab } from './usage-tab.tsx';

export default function SettingsDialog({
  user,
  onClose,
  onRegister,
}: {
  readonly user: CurrentUser;
  readonly onClose: () => void;
  readonly onRegister: () => void;
}): ReactNode {
  const { settings } = useWords();
  const tabs = [
    ['general', settings.general, <GeneralTab key="general" user={user} onRegister={onRegister} />],
    ['account', settings.account, <AccountTab key="account" user={user} />],
    ['keys', settings.keys, <KeysTab key="keys" />],
    ['usage', settings.usage, <UsageTab key="usage" />],
  ] as const;
  return (
    <Modal title={settings.title} testId="settings-dialog" width="wide" onClose={onClose}>
      <Tabs.Root defaultValue="general">
        <Tabs.List className="-mx-1 mb-5 flex gap-1 overflow-x-auto border-b border-line px-1">
          {tabs.map(([value, title]) => (
            <Tabs.Trigger
              key={value}
              value={value}
              className="-mb-px shrink-0 border-b-2 border-transparent px-3 py-2 text-[0.9375rem] text-soft -outline-offset-2 data-[state=active]:border-accent data-[state=active]:font-medium data-[state=active]:text-ink"
            >
              {title}
            </Tabs.Trigger>
          ))}
        </Tabs.List>
        {tabs.map(([value, , content]) => (
          <Tabs.Content key={value} value={value} className="min-h-72 rounded-lg">
            {content}
          </Tabs.Content>
        ))}
      </Tabs.Root>
    </Modal>
  );
}
