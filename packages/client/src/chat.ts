/** The second entry of the package: what a page that people chat in needs on top of the client. */

export type {
  AskOptions,
  Chat,
  ChatActions,
  ChatMessage,
  ChatMessageStatus,
  ChatOptions,
  ChatProblem,
  ChatState,
  ChatStatus,
  KeptStorage,
  SharedChat,
  SharedChatOptions,
  SharedChatState,
} from './chat/chat-types.ts';
export { createChat } from './chat/create-chat.ts';
export { createConversationList } from './chat/create-list.ts';
export { createSharedChat } from './chat/create-shared-chat.ts';
export { forgetKept } from './chat/kept.ts';
export type {
  ConversationList,
  ConversationListActions,
  ConversationListOptions,
  ConversationListState,
  RemovedConversation,
} from './chat/list-types.ts';
export { toProblem } from './chat/problems.ts';
export { createLiveEvents, type LiveEvents, type LiveEventsOptions, type LiveState } from './live-events.ts';
export { type SharedEvents, type ShareEventsOptions, shareEvents } from './share-events.ts';
export type { KeptEvents } from './share-known-answers.ts';
export type { Readable } from './store.ts';
