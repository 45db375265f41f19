import type { Conversation } from '@holdfast/client';
import type { Chat, ConversationList } from '@holdfast/client/chat';
import { useReadable } from '@holdfast/client/react';

/**
 * The conversation on the screen; while it is being read, as the list has it: else its title and its model would go and
 * come again whenever one goes from one conversation to another. Null: a new one, or one that is not known.
 */
export function useConversation({
  chat,
  list,
}: {
  readonly chat: Chat;
  readonly list: ConversationList;
}): Conversation | null {
  const known = useReadable(chat, (state) => state.conversation);
  const readId = useReadable(chat, (state) => (state.isLoading ? state.conversationId : null));
  const listed = useReadable(list, ({ conversations }) => conversations.find(({ id }) => id === readId));
  return known ?? listed ?? null;
}
