/** What people read when something ends or goes wrong. */
import {
  type InvitationPreview,
  type Message,
  type Problem,
  ProblemError,
  UnreachableError,
} from '@holdfast/client';

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

/** Where the server speaks to programmers, people are told this. */
const sentences = {
  conversation_busy: 'This conversation is still being answered. Your message is kept below.',
  conversation_not_found: 'This conversation does not exist, or you are no member of it.',
  invitation_not_found: 'This invitation has expired or was revoked. Ask for a new one.',
  public_link_not_found: 'This link is gone: the conversation is no longer shared.',
  unauthenticated: 'You are no longer signed in.',
  wrong_credentials: 'There is no account with this e-mail address and password.',
  token_limit_reached:
    'Today’s tokens are used up. Your message is kept below; try again after midnight (UTC).',
  too_many_waiting: 'As many of your messages wait for an answer as may. Try again when one is answered.',
} as const satisfies Partial<Record<Problem['code'], string>>;

export function sentenceOf(error: unknown): string {
  if (error instanceof UnreachableError)
    return 'The server cannot be reached. Check the connection and try again.';
  if (!(error instanceof ProblemError)) return 'Something went wrong in this page. Please reload it.';
  const known = sentences[error.code as keyof typeof sentences];
  if (known) return known;
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

/** Where a waiting run stands, from 1. */
export function placeInLine(position: number, estimatedMs: number | null): string {
  const place = position === 1 ? 'Next in line' : `${position}${ordinalSuffix(position)} in line`;
  if (estimatedMs === null) return `${place}.`;
  const seconds = Math.max(1, Math.round(estimatedMs / 1_000));
  return seconds < 90 ? `${place}, about ${seconds} s.` : `${place}, about ${Math.round(seconds / 60)} min.`;
}

const ordinals = new Intl.PluralRules('en', { type: 'ordinal' });
const suffixes: Readonly<Record<string, string>> = { one: 'st', two: 'nd', few: 'rd' };

function ordinalSuffix(number: number): string {
  return suffixes[ordinals.select(number)] ?? 'th';
}

/** What an invitation is to. */
export function invitationSentence({ role, title, invitedBy }: InvitationPreview): string {
  const who = invitedBy ?? 'Somebody';
  const what = title === null ? 'a conversation' : `“${title}”`;
  return role === 'writer'
    ? `${who} invites you to ask along in ${what}.`
    : `${who} invites you to read along in ${what}.`;
}
