/** Between the messages and the composer: what is with the connection, and what went wrong that belongs to no message. */
import { useReadable } from '@holdfast/client/react';
import { CloudOff } from 'lucide-react';
import { type ReactNode, useSyncExternalStore } from 'react';
import { useWords } from '../i18n/language.tsx';
import { sentenceOfProblem } from '../problems.ts';
import { useChatParts } from './chat-context.ts';

function subscribe(listener: () => void): () => void {
  addEventListener('online', listener);
  addEventListener('offline', listener);
  return () => {
    removeEventListener('online', listener);
    removeEventListener('offline', listener);
  };
}

export function StatusLines(): ReactNode {
  const { chat, list } = useChatParts();
  const isOffline = useReadable(chat, (state) => state.isOffline);
  const problem = useReadable(chat, (state) => state.problem);
  const listProblem = useReadable(list, (state) => state.problem);
  return (
    <>
      {isOffline && <ConnectionLine />}
      {problem && (
        <ProblemLine problem={problem} retry={() => void chat.retry()} dismiss={() => chat.dismiss()} />
      )}
      {/* A list that cannot be read is a convenience less, and a search for nothing but dots finds nothing. */}
      {listProblem && !listProblem.isRetryable && listProblem.code !== 'invalid_request' && (
        <ProblemLine problem={listProblem} retry={null} dismiss={() => list.dismiss()} />
      )}
    </>
  );
}

export function ConnectionLine(): ReactNode {
  const { status } = useWords();
  const isOnline = useSyncExternalStore(subscribe, () => navigator.onLine);
  return (
    <p
      data-testid="connection"
      role="status"
      className="late mb-2 flex items-center justify-center gap-2 text-[0.875rem] text-faint"
    >
      <CloudOff aria-hidden className="size-4 shrink-0" />
      {isOnline ? status.reconnecting : status.offline}
    </p>
  );
}

function ProblemLine({
  problem,
  retry,
  dismiss,
}: {
  readonly problem: Parameters<typeof sentenceOfProblem>[1];
  readonly retry: (() => void) | null;
  readonly dismiss: () => void;
}): ReactNode {
  const words = useWords();
  return (
    <div
      role="alert"
      className="mb-2 flex flex-wrap items-center gap-x-3 gap-y-1 rounded-xl bg-bad-tint px-3.5 py-2 text-[0.9375rem] text-bad"
    >
      <span data-testid="notice" className="min-w-0 flex-1 basis-64">
        {sentenceOfProblem(words, problem)}
      </span>
      {retry && problem.isRetryable && (
        <button
          type="button"
          data-testid="notice-retry"
          className="font-medium underline underline-offset-4"
          onClick={retry}
        >
          {words.common.tryAgain}
        </button>
      )}
      <button type="button" className="font-medium underline underline-offset-4" onClick={dismiss}>
        {words.common.close}
      </button>
    </div>
  );
}
