/** Where a conversation stands in the list. */
import type { Conversation, FoundConversation } from '../wire.ts';

/** The list with this conversation as it is now, where it belongs; without it where it does not belong any more. */
export function putIn(
  list: readonly FoundConversation[],
  conversation: Conversation,
  asked: { readonly q: string; readonly archived: boolean },
): readonly FoundConversation[] {
  const { id, archived } = conversation;
  // The order of what was found is the server's, and what else is found only it can say.
  if (asked.q.trim() !== '') return list.map((one) => (one.id === id ? { ...one, ...conversation } : one));
  const others = list.filter((one) => one.id !== id);
  return archived === asked.archived ? [...others, conversation].sort(byPlace) : others;
}

/** As the server lists them: pinned first, then the one that changed last. */
function byPlace(a: Conversation, b: Conversation): number {
  if (a.pinned !== b.pinned) return a.pinned ? -1 : 1;
  return Date.parse(b.updatedAt) - Date.parse(a.updatedAt);
}
