/** What went wrong, in the reader's language. */
import { ProblemError, UnreachableError } from '@holdfast/client';
import type { ChatProblem } from '@holdfast/client/chat';
import type { Words } from './i18n/words.ts';

/** The sentence for a code; `message` is the server's, for a code that this page does not know. */
export function sentenceOfCode(words: Words, code: string, message: string): string {
  const { problems } = words;
  if (Object.hasOwn(problems, code)) return problems[code as keyof typeof problems];
  if (code.startsWith('http_5')) return problems.notReady;
  if (code.startsWith('http_')) return problems.refused;
  return message;
}

export function sentenceOfProblem(words: Words, { code, message }: ChatProblem): string {
  return sentenceOfCode(words, code, message);
}

/** The sentence for what a call of the client has thrown. */
export function sentenceOf(words: Words, error: unknown): string {
  if (error instanceof UnreachableError) return words.problems.unreachable;
  if (!(error instanceof ProblemError)) return words.problems.unexpected;
  if (!error.problem && error.retryable) return words.problems.notReady;
  // What is wrong with a field is said by the server alone.
  if (error.code === 'invalid_request') return error.message;
  return sentenceOfCode(words, error.code, error.message);
}

export function codeOf(error: unknown): string | null {
  return error instanceof ProblemError ? error.code : null;
}

export function isRetryable(error: unknown): boolean {
  return (error instanceof ProblemError || error instanceof UnreachableError) && error.retryable;
}
