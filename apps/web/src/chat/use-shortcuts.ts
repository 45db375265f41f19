/** The keys that work everywhere on the chat page. What a field or a dialog does with a key goes before. */
import type { Chat } from '@holdfast/client/chat';
import { useEffect, useRef } from 'react';

export interface Shortcuts {
  readonly chat: Chat;
  readonly onFresh: () => void;
  readonly onSearch: () => void;
  readonly onSidebar: () => void;
  readonly onHelp: () => void;
  readonly onFocus: () => void;
}

export const isMac = /Mac|iPhone|iPad/.test(navigator.platform);

function actionOf(event: KeyboardEvent, shortcuts: Shortcuts): (() => void) | null {
  const { chat } = shortcuts;
  const isMod = isMac ? event.metaKey : event.ctrlKey;
  const key = event.key.toLowerCase();
  if (isMod && event.shiftKey && key === 'o') return shortcuts.onFresh;
  if (isMod && event.shiftKey && key === 's') return shortcuts.onSidebar;
  if (isMod && !event.shiftKey && key === 'k') return shortcuts.onSearch;
  if (isMod && key === '/') return shortcuts.onHelp;
  if (event.shiftKey && key === 'escape') return shortcuts.onFocus;
  const { runId, canWrite } = chat.getState();
  if (key === 'escape' && !event.shiftKey && runId !== null && canWrite) return () => void chat.stop();
  return null;
}

export function useShortcuts(shortcuts: Shortcuts): void {
  const latest = useRef(shortcuts);
  useEffect(() => {
    latest.current = shortcuts;
  });
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      // Escape during composition gives up a suggestion; in a dialog or a menu it closes that.
      if (event.defaultPrevented || event.isComposing) return;
      if (document.querySelector('[role=dialog], [role=alertdialog], [role=menu]')) return;
      const action = actionOf(event, latest.current);
      if (!action) return;
      event.preventDefault();
      action();
    };
    document.addEventListener('keydown', listen);
    return () => document.removeEventListener('keydown', listen);
  }, []);
}
