import type { CurrentUser } from '@holdfast/client';
import {
  type Chat,
  type ConversationList,
  createChat,
  createConversationList,
  createLiveEvents,
} from '@holdfast/client/chat';
import { useReadable } from '@holdfast/client/react';
import { useEffect, useRef } from 'react';
import { nameAddress } from '../address.ts';
import { made } from '../kept.ts';
import { noteQuestion } from '../list/first-words.ts';
import { client } from '../session/session.ts';

export interface Stores {
  readonly chat: Chat;
  readonly list: ConversationList;
  close(): void;
}

/** By user. React may begin to render the page twice before it shows it; each must not have a connection of its own. */
const held = new Map<string, Stores>();

function storesOf(user: CurrentUser, conversationId: string | null): Stores {
  const there = held.get(user.id);
  if (there) return there;
  const events = createLiveEvents({ client, user });
  const chat = createChat({ client, events, conversationId, onMade: ({ id }) => made.set(id) });
  const list = createConversationList({ client, events });
  // Of what is asked while this page is open, and of what it shows.
  events.listen(({ type, data }) => {
    if (type === 'message.added' && data.message.parentId === null)
      noteQuestion(data.conversationId, data.message.text);
  });
  chat.subscribe(() => {
    const { conversation, messages, hasOlder } = chat.getState();
    const [first] = messages;
    if (conversation && conversation.title === null && first?.role === 'user' && !hasOlder)
      noteQuestion(conversation.id, first.text);
  });
  const stores = {
    chat,
    list,
    close() {
      held.delete(user.id);
      chat.close();
      list.close();
      events.stop();
    },
  };
  held.set(user.id, stores);
  return stores;
}

/**
 * The chat and the list of one user, over one connection, for as long as the page shows them. The chat follows the
 * address, and the address a conversation that is made here.
 */
export function useStores(user: CurrentUser, conversationId: string | null): Stores {
  const stores = storesOf(user, conversationId);
  const { chat } = stores;
  useEffect(() => stores.close, [stores]);

  const opened = useRef(conversationId);
  useEffect(() => {
    // Whoever comes to an empty conversation by choice shall find it empty after a reload.
    if (conversationId === null) made.set(null);
    if (opened.current !== conversationId) void chat.open(conversationId);
    opened.current = conversationId;
  }, [chat, conversationId]);

  const shownId = useReadable(chat, (state) => state.conversationId);
  const wasShown = useRef(shownId);
  // biome-ignore lint/correctness/useExhaustiveDependencies: only what the chat shows tells that it has made one
  useEffect(() => {
    if (wasShown.current === null && shownId !== null && shownId !== conversationId) nameAddress(shownId);
    wasShown.current = shownId;
  }, [shownId]);
  return stores;
}
