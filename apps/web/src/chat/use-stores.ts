import type { CurrentUser } from '@holdfast/client';
import {
  type Chat,
  type ConversationList,
  createChat,
  createConversationList,
  createLiveEvents,
} from '@holdfast/client/chat';
import { useReadable } from '@holdfast/client/react';
import { useEffect, useRef, useState } from 'react';
import { nameAddress } from '../address.ts';
import { made } from '../kept.ts';
import { client } from '../session/session.ts';

export interface Stores {
  readonly chat: Chat;
  readonly list: ConversationList;
}

/**
 * The chat and the list of one user, over one connection, for as long as the page shows them. The chat follows the
 * address, and the address a conversation that is made here.
 */
export function useStores(user: CurrentUser, conversationId: string | null): Stores {
  const [stores] = useState(() => {
    const events = createLiveEvents({ client, user });
    return {
      events,
      chat: createChat({ client, events, conversationId }),
      list: createConversationList({ client, events }),
    };
  });
  const { chat, list, events } = stores;
  useEffect(
    () => () => {
      chat.close();
      list.close();
      events.stop();
    },
    [chat, list, events],
  );

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
    if (wasShown.current === null && shownId !== null && shownId !== conversationId) {
      made.set(shownId);
      nameAddress(shownId);
    }
    wasShown.current = shownId;
  }, [shownId]);
  return stores;
}
