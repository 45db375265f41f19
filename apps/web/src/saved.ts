/**
 * What survives a reload, in this tab's sessionStorage. Nothing of it is the truth: without it a text is replayed from
 * the start and a draft is lost, so a full or forbidden storage is no error.
 */
import { type Answer, newIdempotencyKey } from '@holdfast/client';

/**
 * A message that was sent but not yet accepted. It is written down before the first request, so that a retry or a
 * reload sends the very same keys and the server makes one conversation and one message of them.
 */
export interface Pending {
  readonly text: string;
  readonly conversationKey: string;
  readonly messageKey: string;
}

interface Progress {
  readonly runId: string;
  readonly text: string;
  readonly cursor: string;
}

function slot<T>(kind: string, isValid: (value: Partial<Record<keyof T, unknown>>) => boolean) {
  const name = (id: string | null) => `holdfast:${kind}:${id ?? 'new'}`;
  return {
    get(id: string | null): T | null {
      try {
        const value = JSON.parse(sessionStorage.getItem(name(id)) ?? 'null');
        return typeof value === 'object' && value !== null && isValid(value) ? (value as T) : null;
      } catch {
        return null;
      }
    },
    /** Null removes it. */
    set(id: string | null, value: T | null): void {
      try {
        if (value === null) sessionStorage.removeItem(name(id));
        else sessionStorage.setItem(name(id), JSON.stringify(value));
      } catch {
        // An older value must not stay: a cursor with the text of another moment is worse than none.
        try {
          sessionStorage.removeItem(name(id));
        } catch {}
      }
    },
  };
}

/** By conversation; null is the one that is yet to be made. */
export const pendings = slot<Pending>('pending', (value) =>
  [value.text, value.conversationKey, value.messageKey].every((one) => typeof one === 'string'),
);

/** What stands in the composer, by conversation. */
export const drafts = slot<{ readonly text: string }>('draft', (value) => typeof value.text === 'string');

/**
 * The conversation that was last made here, under null. A reload that began just before comes back to the address of a
 * new conversation: the browser had taken it down already.
 */
export const made = slot<{ readonly id: string }>('made', (value) => typeof value.id === 'string');

/** One only, of the run that was on the screen last: an answer may be large and the storage is not. */
const progress = slot<Progress>('progress', (value) =>
  [value.runId, value.text, value.cursor].every((one) => typeof one === 'string'),
);

/** Keeps a partial answer together with the cursor that belongs to it; null forgets it. */
export function keepProgress(runId: string, answer: Answer | null): void {
  if (answer === null || answer.cursor === null) progress.set(null, null);
  else progress.set(null, { runId, text: answer.text, cursor: answer.cursor });
}

/** What was kept of this run, if anything. */
export function takeProgress(runId: string): Pick<Progress, 'text' | 'cursor'> | null {
  const kept = progress.get(null);
  return kept?.runId === runId ? { text: kept.text, cursor: kept.cursor } : null;
}

/** Writes down that this text is to be sent. */
export function intend(conversationId: string | null, text: string): Pending {
  const pending = { text, conversationKey: newIdempotencyKey(), messageKey: newIdempotencyKey() };
  pendings.set(conversationId, pending);
  return pending;
}
