/** What the conversation on the screen needs of the page around it, and what it offers. */
import type { Client, Conversation, LiveEvent } from '@holdfast/client';
import type { KeptEvents } from '@holdfast/client/chat';

export interface ChatState {
  /** A request is under way whose answer decides what is on the screen. */
  readonly busy: boolean;
  /** The run that is being answered now or next. */
  readonly answering: string | null;
  readonly isReader: boolean;
}

export interface ChatParts {
  readonly client: Client;
  readonly log: HTMLElement;
  readonly userId: () => string;
  /** Carries events of this conversation (null: of none) from now on. `kept`: where a reload goes on. */
  readonly follow: (conversationId: string | null, kept: KeptEvents | null) => void;
  /** How far the events have come. */
  readonly cursor: () => string | null;
  readonly onState: (state: ChatState) => void;
  /** What the server knows of the conversation; null: nothing (yet). */
  readonly onConversation: (conversation: Conversation | null) => void;
  /** A conversation was made here. */
  readonly onMade: (id: string) => void;
  /** A sentence for people that belongs to no message, and what can be done; null takes it away. */
  readonly onNotice: (sentence: string | null, retry?: () => void) => void;
  /** A text that the server will not take as it is, to be changed. */
  readonly onRejected: (text: string) => void;
  readonly onGrowth: () => void;
}

export interface Chat {
  open(conversationId: string | null): Promise<void>;
  send(text: string): Promise<void>;
  /** Stops the answer that is under way. Resolves to whether it will stop. */
  stop(): Promise<boolean>;
  /** Takes one event of the live connection. */
  hear(event: LiveEvent): void;
  /** Shows nothing. */
  close(): void;
}
