/** The chat, the list and the shared chat as the bindings of frameworks hold them. */
import type {
  ChatActions,
  ChatOptions,
  ChatState,
  SharedChatOptions,
  SharedChatState,
} from './chat-types.ts';
import { createChat } from './create-chat.ts';
import { createConversationList } from './create-list.ts';
import { createSharedChat } from './create-shared-chat.ts';
import { actionsOf, hold } from './hold.ts';
import type {
  ConversationListActions,
  ConversationListOptions,
  ConversationListState,
} from './list-types.ts';

/** What a framework shows and offers: `close` is the framework's business. */
export type HeldActions<Actions> = Omit<Actions, 'close'>;

const chatActions = [
  'open',
  'ask',
  'stop',
  'regenerate',
  'continueAnswer',
  'edit',
  'showVersion',
  'loadOlder',
  'retry',
  'withdraw',
  'dismiss',
  'loadDuration',
] as const satisfies readonly (keyof ChatActions)[];

/** Before anything is known: on a server that renders, and before the component is mounted. */
function emptyChat(conversationId: string | null): ChatState {
  return {
    conversationId,
    conversation: null,
    messages: [],
    status: 'idle',
    runId: null,
    queue: null,
    problem: null,
    isLoading: conversationId !== null,
    isBusy: false,
    hasOlder: false,
    isOffline: false,
    canWrite: conversationId === null,
  };
}

export function holdChat(options: ChatOptions) {
  const held = hold(
    ({ conversationId }) => createChat({ ...options, conversationId }),
    emptyChat(options.conversationId ?? null),
  );
  return { held, actions: actionsOf(held, chatActions) satisfies HeldActions<ChatActions> };
}

const listActions = [
  'search',
  'showArchived',
  'loadMore',
  'refresh',
  'rename',
  'pin',
  'archive',
  'remove',
  'undoRemove',
  'dismiss',
] as const satisfies readonly (keyof ConversationListActions)[];

const emptyList: ConversationListState = {
  q: '',
  archived: false,
  conversations: [],
  answering: [],
  hasMore: false,
  isLoading: true,
  problem: null,
  removed: [],
};

export function holdList(options: ConversationListOptions) {
  const held = hold(() => createConversationList(options), emptyList);
  return { held, actions: actionsOf(held, listActions) satisfies HeldActions<ConversationListActions> };
}

const emptySharedChat: SharedChatState = {
  title: null,
  messages: [],
  status: 'idle',
  queue: null,
  problem: null,
  isLoading: true,
  isOffline: false,
  isGone: false,
};

/** There is nothing to do with it. */
export const holdSharedChat = (options: SharedChatOptions) =>
  hold(() => createSharedChat(options), emptySharedChat);
