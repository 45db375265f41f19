/** Where a conversation stands in the list. */
import type { Conversation, FoundConversation } from '../wire.ts';

/** What was asked for. */
interface Asked {
  readonly q: string;
  readonly archived: boolean;
}

/** The list with this conversation as it is now, where it belongs; without it where it does not belong any more. */
export function putIn(
  list: readonly FoundConversation[],
  conversation: Conversation,
  asked: Asked,
): readonly FoundConversation[] {
  const { id, archived } = conversation;
  // What else is found only the server can say.
  if (isSearch(asked)) return list.map((one) => (one.id === id ? { ...one, ...conversation } : one));
  const others = list.filter((one) => one.id !== id);
  return archived === asked.archived ? [...others, conversation].sort(byPlace) : others;
}

/** The list with one more page. Events may have told of what is on it, or comes after it. */
export function addTo(
  list: readonly FoundConversation[],
  page: readonly FoundConversation[],
  asked: Asked,
): readonly FoundConversation[] {
  const known = new Set(list.map(({ id }) => id));
  const all = [...list, ...page.filter(({ id }) => !known.has(id))];
  // The order of what was found is the server's.
  return isSearch(asked) ? all : all.sort(byPlace);
}

export const isSearch = ({ q }: Pick<Asked, 'q'>): boolean => q.trim() !== '';

/** As the server lists them: pinned first, then the one that changed last. */
function byPlace(a: Conversation, b: Conversation): number {
  if (a.pinned !== b.pinned) return a.pinned ? -1 : 1;
  return Date.parse(b.updatedAt) - Date.parse(a.updatedAt);
}
