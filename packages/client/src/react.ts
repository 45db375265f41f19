/** React bindings: the chat and the list as hooks. */
import type { Chat, ChatActions, ChatOptions, ChatState } from './chat/chat-types.ts';
import type { Readable } from './store.ts';

/**
 * A chat for as long as the component is mounted: its state, and its actions, which are the same functions at each
 * rendering. Options count at the first rendering, but for `conversationId`, which opens another conversation when it changes.
 */
export declare function useChat(options: ChatOptions): ChatState & ChatActions & { readonly chat: Chat };
/** The state of a chat, a list or a shared chat that was made elsewhere; rendered again when what `select` takes of it changes. */
export declare function useReadable<State, Part = State>(
  readable: Readable<State>,
  select?: (state: State) => Part,
): Part;
