/** What all parts of the chat page share. */
import type { CurrentUser } from '@holdfast/client';
import type { Chat, ConversationList } from '@holdfast/client/chat';
import { createContext, use } from 'react';

export interface ChatParts {
  readonly user: CurrentUser;
  readonly chat: Chat;
  readonly list: ConversationList;
  /** The message whose text is being changed; null: none. */
  readonly editingId: string | null;
  readonly setEditing: (messageId: string | null) => void;
  /** Puts the keyboard into the composer, where that does not cover half of the screen with one. */
  readonly focusComposer: () => void;
  /** Puts a text into the composer, before what is there. */
  readonly putBack: (text: string) => void;
  readonly scrollToEnd: () => void;
}

export const ChatContext = createContext<ChatParts | null>(null);

export function useChatParts(): ChatParts {
  const parts = use(ChatContext);
  if (!parts) throw new Error('this belongs into the chat page');
  return parts;
}
