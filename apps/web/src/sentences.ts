/** What people read when something ends or goes wrong. */
import { type Message, ProblemError, UnreachableError } from '@holdfast/client';

/** Titles stand in a narrow list; the first line of the first message says enough. */
const titleCharsMax = 60;

/** The sentence below an ended answer; null when it ended as it should. */
export function endingOf(
  ended: Pick<Message, 'failure' | 'finishReason'> & { status: string },
): string | null {
  if (ended.status === 'failed') return ended.failure?.message ?? 'The answer broke off.';
  if (ended.status === 'cancelled') return 'Stopped.';
  if (ended.finishReason === 'length') return 'The answer reached its length limit.';
  if (ended.finishReason === 'content_filter') return 'The provider’s content rules ended the answer here.';
  return null;
}

export function sentenceOf(error: unknown): string {
  if (error instanceof UnreachableError)
    return 'The server cannot be reached. Check the connection and try again.';
  if (!(error instanceof ProblemError)) return 'Something went wrong in this page. Please reload it.';
  if (error.code === 'conversation_busy')
    return 'This conversation is still being answered. Your message is kept below.';
  if (error.code === 'conversation_not_found') return 'This conversation does not exist.';
  if (error.problem) return error.message;
  return error.retryable
    ? 'The server is not ready. Please try again in a moment.'
    : 'The server refused this request.';
}

export function codeOf(error: unknown): string | null {
  return error instanceof ProblemError ? error.code : null;
}

export function isRetryable(error: unknown): boolean {
  return (error instanceof ProblemError || error instanceof UnreachableError) && error.retryable;
}

/** The title of a conversation that begins with this text (not blank). Depends on it alone: a repeated POST must too. */
export function titleOf(text: string): string {
  const line = text.trim().split('\n', 1)[0] ?? '';
  // By code points: half a surrogate pair is refused by the server.
  const chars = Array.from(line);
  return chars.length > titleCharsMax
    ? `${chars
        .slice(0, titleCharsMax - 1)
        .join('')
        .trimEnd()}…`
    : line;
}
