/**
 * The first words of the first question of a conversation: by them it is known until the model has written a title, after
 * the first answer, and for good where there was none. Kept for this tab; nothing of it is the truth.
 */
import type { Conversation } from '@holdfast/client';
import { useSyncExternalStore } from 'react';
import { firstWordsKept } from '../kept.ts';

/** As many as a list shows at a glance. */
const conversationsMax = 50;

/** As long as a title that a model writes. */
const charsMax = 80;

const listeners = new Set<() => void>();

/** Remembers the words of a first question. */
export function noteQuestion(conversationId: string, text: string): void {
  // Of a question of a hundred thousand characters only the beginning is looked at, with each frame of its answer.
  const beginning = text
    .slice(0, 10 * charsMax)
    .trim()
    .replaceAll(/\s+/g, ' ');
  const words = Array.from(beginning).slice(0, charsMax).join('');
  const known = firstWordsKept.get();
  if (words === '' || known[conversationId] === words) return;
  const others = Object.entries(known).filter(([id]) => id !== conversationId);
  firstWordsKept.set(Object.fromEntries([...others.slice(1 - conversationsMax), [conversationId, words]]));
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/** What a conversation is called, or by which words it is known; null: by none. */
export function useTitle(conversation: Pick<Conversation, 'id' | 'title'> | null): string | null {
  const words = useSyncExternalStore(subscribe, () => firstWordsKept.get()[conversation?.id ?? ''] ?? null);
  return conversation?.title ?? words;
}
