/**
 * React bindings: the chat, the list of conversations and what is behind a public link as hooks. What was made elsewhere
 * (one chat for the whole page, for example) is shown by `useReadable`; make such a thing outside of rendering, for React
 * may begin to render twice, and each would have a connection.
 */
import { useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import type {
  ChatActions,
  ChatOptions,
  ChatState,
  SharedChatOptions,
  SharedChatState,
} from './chat/chat-types.ts';
import { type HeldActions, holdChat, holdList, holdSharedChat } from './chat/held.ts';
import type {
  ConversationListActions,
  ConversationListOptions,
  ConversationListState,
} from './chat/list-types.ts';
import { keepSame, type Readable } from './store.ts';

export type UseChat = ChatState & HeldActions<ChatActions>;
export type UseConversationList = ConversationListState & HeldActions<ConversationListActions>;

/**
 * A chat for as long as the component is mounted: its state, and its actions, which are the same functions at each
 * rendering. Options count at the first rendering, but for `conversationId`: another one opens that conversation.
 */
export function useChat(options: ChatOptions): UseChat {
  const [{ held, actions }] = useState(() => holdChat(options));
  const state = useReadable(held);
  const conversationId = options.conversationId ?? null;
  const opened = useRef(conversationId);
  useEffect(() => {
    if (opened.current === conversationId) return;
    opened.current = conversationId;
    void actions.open(conversationId);
  }, [actions, conversationId]);
  return { ...state, ...actions };
}

/** The list of conversations for as long as the component is mounted. Options count at the first rendering. */
export function useConversationList(options: ConversationListOptions): UseConversationList {
  const [{ held, actions }] = useState(() => holdList(options));
  return { ...useReadable(held), ...actions };
}

/** What is behind a public link, for as long as the component is mounted. Options count at the first rendering. */
export function useSharedChat(options: SharedChatOptions): SharedChatState {
  const [held] = useState(() => holdSharedChat(options));
  return useReadable(held);
}

/** The state of a chat, a list or live events. The component is rendered again when it changes. */
export function useReadable<State>(readable: Readable<State>): State;
/** What `select` takes of it. The component is rendered again when that changes. */
export function useReadable<State, Part>(readable: Readable<State>, select: (state: State) => Part): Part;
export function useReadable<State>(
  readable: Readable<State>,
  select: (state: State) => unknown = (state) => state,
): unknown {
  const subscribe = useCallback((listener: () => void) => readable.subscribe(listener), [readable]);
  const last = useRef<unknown>(undefined);
  // React compares by identity and calls this at will: a part that is put together anew must stay the same.
  const look = () => {
    last.current = keepSame(last.current, select(readable.getState()));
    return last.current;
  };
  return useSyncExternalStore(subscribe, look, look);
}
