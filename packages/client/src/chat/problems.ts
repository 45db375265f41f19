/** What went wrong, for those who show it: a code to branch on and a sentence for people. */
import { ProblemError, UnreachableError } from '../errors.ts';
import type { ChatProblem } from './chat-types.ts';

/** Where the server speaks to programmers, people are told this. */
const sentences: Partial<Record<ChatProblem['code'], string>> = {
  conversation_busy: 'This conversation is still being answered.',
  conversation_not_found: 'This conversation does not exist, or you are no member of it.',
  invitation_not_found: 'This invitation has expired or was revoked. Ask for a new one.',
  public_link_not_found: 'This link is gone: the conversation is no longer shared.',
  unauthenticated: 'You are no longer signed in.',
  token_limit_reached: 'Today’s tokens are used up. Try again after midnight (UTC).',
  too_many_waiting: 'As many of your messages wait for an answer as may. Try again when one is answered.',
  too_many_connections: 'You have this open too many times. Close some of them, then try again.',
  unreachable: 'The server cannot be reached.',
  conversation_removed: 'This conversation was deleted, or you are no longer a member of it.',
  unexpected: 'Something went wrong in this page. Please reload it.',
};

/** A limit that has been met, or a state that passes: the same may work later. */
const passing: ReadonlySet<string> = new Set(['conversation_busy', 'token_limit_reached']);

/** What a failed call of the client comes to. */
export function toProblem(error: unknown): ChatProblem {
  if (error instanceof UnreachableError) return problem('unreachable', null, true);
  if (!(error instanceof ProblemError)) return problem('unexpected', null, false);
  const { code, retryAfterMs } = error;
  const other = error.problem
    ? error.message
    : error.retryable
      ? 'The server is not ready. Please try again in a moment.'
      : 'The server refused this request.';
  return {
    ...problem(code, other, error.retryable || passing.has(code)),
    retryAtMs: retryAfterMs === null ? null : Date.now() + retryAfterMs,
  };
}

/** `message` is used where the code has no sentence of its own. */
export function problem(
  code: ChatProblem['code'],
  message: string | null = null,
  isRetryable = false,
): ChatProblem {
  return { code, message: sentences[code] ?? message ?? '', isRetryable, retryAtMs: null };
}
