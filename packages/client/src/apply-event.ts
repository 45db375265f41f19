import type { FailureCode } from '@holdfast/shared/protocol/error-code.ts';
import { isTerminalStatus, type RunStatus } from '@holdfast/shared/protocol/run.ts';
import type { FinishReason, Usage } from '@holdfast/shared/protocol/run-event.ts';
import { placeOf, type ReceivedEvent } from './received-event.ts';

/** What a client knows of one answer after the events it has applied. */
export interface Answer {
  /** The text so far: at every moment a prefix of the text of the current attempt. */
  readonly text: string;
  /** `queued` until the first event. */
  readonly status: RunStatus;
  /** Why it failed; `message` is a sentence for people. */
  readonly failure: { readonly code: FailureCode; readonly message: string } | null;
  /** Where to resume: the id of the last event applied; null before the first. */
  readonly cursor: string | null;
  /** Tokens, once the run has ended and a figure is known. */
  readonly usage: Usage | null;
  /** Why the model stopped by itself, once it has. */
  readonly finishReason: FinishReason | null;
  /** The message in history, once the run has ended. */
  readonly messageId: string | null;
}

/** The answer of which nothing has come yet. */
export const emptyAnswer: Answer = {
  text: '',
  status: 'queued',
  failure: null,
  cursor: null,
  usage: null,
  finishReason: null,
  messageId: null,
};

/**
 * Applies one event (docs/PROTOCOL.md, section 2): `started` and `snapshot` replace the text, `delta` appends, a
 * terminal event ends it. Pure: returns a new answer, or the very same one when the event changes nothing:
 * it was applied before, it comes after the end, or something before it is missing (the answer then stays at its
 * cursor, and `followRun` resumes from there).
 */
export function applyEvent(answer: Answer, event: ReceivedEvent): Answer {
  if (isTerminalStatus(answer.status)) return answer;
  const place = placeOf(answer.cursor, event);
  if (place === 'repeat') return answer;
  const cursor = event.id;
  switch (event.type) {
    case 'started':
      return { ...answer, cursor, status: 'running', text: '' };
    case 'snapshot':
      return { ...answer, cursor, status: 'running', text: event.data.text };
    case 'delta':
      if (place === 'gap') return answer;
      return { ...answer, cursor, status: 'running', text: answer.text + event.data.text };
    case 'completed': {
      const { messageId, finishReason, usage } = event.data;
      return { ...answer, cursor, status: 'completed', messageId, finishReason, usage };
    }
    case 'failed': {
      const { messageId, code, message, usage } = event.data;
      return { ...answer, cursor, status: 'failed', messageId, failure: { code, message }, usage };
    }
    case 'cancelled': {
      const { messageId, usage } = event.data;
      return { ...answer, cursor, status: 'cancelled', messageId, usage };
    }
    case 'unknown':
      // It changes no text, but it has its place: without moving on, the delta behind it would look like a gap.
      return place === 'gap' ? answer : { ...answer, cursor };
  }
}
