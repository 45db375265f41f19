/**
 * Vue bindings: the chat, the list of conversations and what is behind a public link as composables. What was made
 * elsewhere (one chat for the whole page, for example) is shown by `useReadable`.
 */
import {
  type ComputedRef,
  computed,
  type MaybeRefOrGetter,
  onScopeDispose,
  type ShallowRef,
  shallowRef,
  toValue,
  watch,
} from 'vue';
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
import type { Readable } from './store.ts';

/** Each part of a state by itself: what a template takes of it is drawn again when that part changes. */
export type Refs<State> = { readonly [Name in keyof State]: ComputedRef<State[Name]> };

export type UseChat = Refs<ChatState> & HeldActions<ChatActions>;
export type UseConversationList = Refs<ConversationListState> & HeldActions<ConversationListActions>;

export interface UseChatOptions extends Omit<ChatOptions, 'conversationId'> {
  /** As in `ChatOptions`; another one opens that conversation. */
  readonly conversationId?: MaybeRefOrGetter<string | null | undefined>;
}

/** A chat until the scope (the component, mostly) ends: the parts of its state as refs, and its actions. */
export function useChat({ conversationId, ...options }: UseChatOptions): UseChat {
  const wanted = () => toValue(conversationId) ?? null;
  const { held, actions } = holdChat({ ...options, conversationId: wanted() });
  watch(wanted, (id) => void actions.open(id));
  return { ...refsOf(useReadable(held)), ...actions };
}

/** The list of conversations until the scope ends. */
export function useConversationList(options: ConversationListOptions): UseConversationList {
  const { held, actions } = holdList(options);
  return { ...refsOf(useReadable(held)), ...actions };
}

/** What is behind a public link, until the scope ends. */
export const useSharedChat = (options: SharedChatOptions): Refs<SharedChatState> =>
  refsOf(useReadable(holdSharedChat(options)));

/** The state of a chat, a list or a shared chat as a ref, until the scope ends. */
export function useReadable<State>(readable: Readable<State>): Readonly<ShallowRef<State>> {
  const state = shallowRef(readable.getState());
  // Nothing is opened while a server renders: there nothing ends, either.
  if (!('document' in globalThis)) return state;
  const unsubscribe = readable.subscribe(() => {
    state.value = readable.getState();
  });
  state.value = readable.getState();
  onScopeDispose(unsubscribe);
  return state;
}

function refsOf<State extends object>(state: Readonly<ShallowRef<State>>): Refs<State> {
  const names = Object.keys(state.value) as (keyof State)[];
  return Object.fromEntries(names.map((name) => [name, computed(() => state.value[name])])) as Refs<State>;
}
