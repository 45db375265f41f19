/** The second entry of the package: what a page that people chat in needs on top of the client. */
import type { Chat, ChatOptions, SharedChat, SharedChatOptions } from './chat/chat-types.ts';
import type { ConversationList, ConversationListOptions } from './chat/list-types.ts';
import type { LiveEvents, LiveEventsOptions } from './live-events.ts';

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
export type {
  ConversationList,
  ConversationListActions,
  ConversationListOptions,
  ConversationListState,
  RemovedConversation,
} from './chat/list-types.ts';
export type { LiveEvents, LiveEventsOptions } from './live-events.ts';
export type { Readable } from './store.ts';

/** Makes a chat, which opens `conversationId`. */
export declare function createChat(options: ChatOptions): Chat;
/** Makes what shows a public link. */
export declare function createSharedChat(options: SharedChatOptions): SharedChat;
/** Makes the list, which reads itself. */
export declare function createConversationList(options: ConversationListOptions): ConversationList;
/** Makes live events. They open nothing before the first `follow`. */
export declare function createLiveEvents(options: LiveEventsOptions): LiveEvents;
/** Forgets everything that chats have kept in this storage (default: `sessionStorage`): for logging out. */
export declare function forgetKept(storage?: Storage): void;
