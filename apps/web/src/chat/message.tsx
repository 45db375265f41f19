/** One message: who wrote it, its text, how it stands, and what can be done with it. */
import type { ChatMessage } from '@holdfast/client/chat';
import { memo, type ReactNode } from 'react';
import { useWords } from '../i18n/language.tsx';
import { Markdown, type WithSource } from '../markdown/markdown.tsx';
import { EditForm } from './edit-form.tsx';
import { MessageFoot } from './message-foot.tsx';

export interface MessageProps {
  readonly message: ChatMessage;
  /** Nothing stands below it: only the end of a conversation is answered anew. */
  readonly isLast: boolean;
  readonly canWrite: boolean;
  /** The Stop button of the composer is for this one. */
  readonly isNext: boolean;
  readonly isEditing: boolean;
}

export const Message = memo(function Message(props: MessageProps): ReactNode {
  const { message, isEditing } = props;
  return message.role === 'assistant' ? <Answer {...props} /> : <Question {...props} isEditing={isEditing} />;
});

function Answer(props: MessageProps): ReactNode {
  const words = useWords();
  const { text, status } = props.message;
  const isUnderWay = status === 'queued' || status === 'answering';
  return (
    <article
      className="looked-at min-w-0"
      data-testid="message"
      data-role="assistant"
      data-status={status}
      aria-label={words.message.assistant}
      aria-busy={isUnderWay}
    >
      <Markdown text={text} isWriting={isUnderWay} />
      <MessageFoot {...props} />
    </article>
  );
}

function Question(props: MessageProps): ReactNode {
  const words = useWords();
  const { id, text, status, author, isPending } = props.message;
  const name = author && !author.isMe ? (author.name ?? words.common.somebody) : null;
  return (
    <article
      className="looked-at grid min-w-0 grid-cols-[minmax(0,1fr)] justify-items-end"
      data-testid="message"
      data-role="user"
      data-status={status}
      aria-label={name ?? words.message.you}
    >
      {name !== null && (
        <p
          data-testid="author"
          dir="auto"
          className="mb-1 max-w-full truncate px-1 text-[0.8125rem] text-faint"
        >
          {name}
        </p>
      )}
      {props.isEditing ? (
        <EditForm messageId={id} text={text} />
      ) : (
        <>
          <div
            data-testid="message-text"
            dir="auto"
            className={`max-w-[85%] rounded-3xl rounded-ee-lg bg-mine px-4.5 py-2.5 break-words whitespace-pre-wrap [overflow-wrap:anywhere] ${isPending ? 'opacity-70' : ''}`}
            ref={(element: WithSource | null) => {
              if (element) element.source = text;
            }}
          >
            {text}
          </div>
          <MessageFoot {...props} />
        </>
      )}
    </article>
  );
}
