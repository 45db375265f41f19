import type { ChatMessage } from '@holdfast/client/chat';
import { ChevronLeft, ChevronRight } from 'lucide-react';
import type { ReactNode } from 'react';
import { useWords } from '../i18n/language.tsx';
import { IconButton } from '../ui/button.tsx';
import { useChatParts } from './chat-context.ts';

/** Which of several versions of a message this is, and the way to the others. What is chosen is shown to all members. */
export function VersionSwitch({
  message,
  mayChange,
}: {
  readonly message: ChatMessage;
  readonly mayChange: boolean;
}): ReactNode {
  const { message: words } = useWords();
  const { chat } = useChatParts();
  const { id, siblings } = message;
  if (!siblings || siblings.ids.length < 2) return null;
  const { ids, position } = siblings;
  const show = async (step: -1 | 1, button: HTMLElement) => {
    const sibling = ids[position - 1 + step];
    const article = button.closest('article');
    const log = article?.parentElement;
    const place = article && log ? [...log.children].indexOf(article) : -1;
    if (sibling === undefined || !(await chat.showVersion(id, sibling))) return;
    // Another message stands there now: the keyboard goes on at its buttons, and not at the top of the page.
    requestAnimationFrame(() => {
      if (document.activeElement !== document.body) return;
      const buttons = [...(log?.children[place]?.querySelectorAll<HTMLElement>('[data-version-step]') ?? [])];
      const open = buttons.filter((one) => !one.matches(':disabled'));
      (open.find((one) => one.dataset['versionStep'] === String(step)) ?? open[0])?.focus();
    });
  };
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is a part of a form
    <span
      data-testid="versions"
      role="group"
      aria-label={words.versions}
      className="flex items-center text-[0.8125rem] tabular-nums"
    >
      <IconButton
        size="small"
        testId="version-previous"
        label={words.previous}
        disabled={!mayChange || position <= 1}
        data-version-step="-1"
        onClick={({ currentTarget }) => void show(-1, currentTarget)}
      >
        <ChevronLeft aria-hidden className="rtl:rotate-180" />
      </IconButton>
      <span>
        {position}/{ids.length}
      </span>
      <IconButton
        size="small"
        testId="version-next"
        label={words.next}
        disabled={!mayChange || position >= ids.length}
        data-version-step="1"
        onClick={({ currentTarget }) => void show(1, currentTarget)}
      >
        <ChevronRight aria-hidden className="rtl:rotate-180" />
      </IconButton>
    </span>
  );
}
