/** Below a message: what there is to say about it, and what can be done with it. */
import type { ChatMessage } from '@holdfast/client/chat';
import { ArrowRight, Pencil, RotateCw, Undo2, X } from 'lucide-react';
import type { ReactNode } from 'react';
import { useWords } from '../i18n/language.tsx';
import type { Words } from '../i18n/words.ts';
import { sentenceOfProblem } from '../problems.ts';
import { IconButton } from '../ui/button.tsx';
import { CopyButton } from '../ui/copy-button.tsx';
import { AnswerDetails } from './answer-details.tsx';
import { useChatParts } from './chat-context.ts';
import type { MessageProps } from './message.tsx';
import { VersionSwitch } from './version-switch.tsx';

export function MessageFoot({ message, isLast, canWrite, isNext }: MessageProps): ReactNode {
  const words = useWords();
  const { chat, setEditing, putBack, focusComposer, scrollToEnd } = useChatParts();
  const { id, role, status, text, runId, isPending, problem } = message;
  const sentence = sentenceFor(message, words);
  const isAnswer = role === 'assistant';
  const isOver = status === 'completed' || status === 'stopped' || status === 'failed';
  // Editing is rare: its button comes when one looks for it, and is always there for fingers and the keyboard.
  const quiet = isAnswer && isLast ? '' : 'shy';

  // The button goes with the answer; the keyboard would begin at the top of the page again.
  const goOn = () => {
    focusComposer();
    scrollToEnd();
    void chat.continueAnswer(id);
  };
  const regenerate = () => {
    focusComposer();
    void chat.regenerate(id);
  };
  const retry = () => {
    focusComposer();
    void chat.retry();
  };
  const withdraw = () => {
    const taken = chat.withdraw(id);
    if (taken !== null) putBack(taken);
    focusComposer();
  };
  return (
    <div
      className={`mt-1.5 flex min-h-7.5 flex-wrap items-center gap-x-2 gap-y-1 text-[0.875rem] text-faint ${isAnswer ? '' : 'justify-end'}`}
    >
      {isAnswer && !isOver && text === '' && (
        <span aria-hidden className="breathe size-2.5 rounded-full bg-accent" />
      )}
      {sentence !== null && (
        <Sentence
          isLate={status === 'sending'}
          isBad={(problem !== null && status !== 'waiting') || status === 'failed'}
        >
          {sentence}
        </Sentence>
      )}
      {status === 'rejected' || status === 'waiting' ? (
        <>
          <WordButton testId="retry" onClick={retry}>
            <RotateCw aria-hidden />
            {words.common.tryAgain}
          </WordButton>
          <WordButton testId="withdraw" onClick={withdraw}>
            <Undo2 aria-hidden />
            {words.message.withdraw}
          </WordButton>
        </>
      ) : null}
      {isAnswer && status === 'failed' && isLast && canWrite && (
        <WordButton testId="retry" onClick={regenerate}>
          <RotateCw aria-hidden />
          {words.common.tryAgain}
        </WordButton>
      )}
      {isAnswer &&
        isLast &&
        canWrite &&
        text !== '' &&
        (status === 'stopped' || status === 'failed' || message.finishReason === 'length') && (
          <WordButton testId="continue" onClick={goOn}>
            <ArrowRight aria-hidden className="rtl:rotate-180" />
            {words.message.goOn}
          </WordButton>
        )}
      {isAnswer && !isOver && !isNext && canWrite && runId !== null && (
        <WordButton testId="cancel" onClick={() => void chat.stop(runId)}>
          <X aria-hidden />
          {words.message.cancel}
        </WordButton>
      )}
      <div className={`flex items-center transition-opacity ${isAnswer ? '-ms-1.5' : '-me-1.5'} ${quiet}`}>
        {!isPending && isOver && text !== '' && <CopyButton text={() => text} />}
        {isAnswer && isOver && status !== 'failed' && isLast && canWrite && (
          <IconButton size="small" testId="regenerate" label={words.message.regenerate} onClick={regenerate}>
            <RotateCw aria-hidden />
          </IconButton>
        )}
        {!isAnswer && !isPending && canWrite && message.author?.isMe && (
          <IconButton size="small" testId="edit" label={words.message.edit} onClick={() => setEditing(id)}>
            <Pencil aria-hidden />
          </IconButton>
        )}
        {isAnswer && isOver && <AnswerDetails message={message} />}
      </div>
      <VersionSwitch message={message} mayChange={canWrite} />
    </div>
  );
}

/** What there is to say about a message; null: nothing. */
function sentenceFor(message: ChatMessage, words: Words): string | null {
  const { status, problem, queue, finishReason, text } = message;
  // It goes out by itself: why it could not yet is of no use to anybody.
  if (status === 'waiting') return words.message.waiting;
  if (problem) return sentenceOfProblem(words, problem);
  switch (status) {
    case 'sending':
      return words.message.sending;
    case 'queued':
      return queue ? words.status.inLine(queue.position, queue.estimatedMs) : words.status.waits;
    case 'answering':
      return text === '' ? words.message.thinking : null;
    case 'rejected':
    case 'failed':
      return words.message.brokeOff;
    case 'stopped':
      return words.message.stopped;
    case 'completed':
      if (finishReason === 'length') return words.message.lengthReached;
      return finishReason === 'content_filter' ? words.message.contentRules : null;
  }
}

function Sentence({
  isBad,
  isLate,
  children,
}: {
  readonly isBad: boolean;
  /** It is worth a word only when it takes a while. */
  readonly isLate: boolean;
  readonly children: ReactNode;
}): ReactNode {
  return (
    <p data-testid="sentence" className={`${isBad ? 'text-bad' : ''} ${isLate ? 'late' : ''}`}>
      {children}
    </p>
  );
}

function WordButton({
  children,
  onClick,
  testId,
}: {
  readonly children: ReactNode;
  readonly onClick: () => void;
  readonly testId: string;
}): ReactNode {
  return (
    <button
      type="button"
      data-testid={testId}
      onClick={onClick}
      className="inline-flex items-center gap-1.5 rounded-lg border border-line px-2.5 py-1 leading-5 text-soft transition-colors hover:bg-hover hover:text-ink pointer-coarse:py-2 [&_svg]:size-3.5"
    >
      {children}
    </button>
  );
}
