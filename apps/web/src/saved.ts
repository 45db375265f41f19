/**
 * What survives a reload, in this tab's sessionStorage. Nothing of it is the truth: without it a text is replayed from
 * the start and a draft is lost, so a full or forbidden storage is no error.
 */
import { type Answer, emptyAnswer, newIdempotencyKey } from '@holdfast/client';
import type { KeptEvents } from '@holdfast/client/chat';

/**
 * A message that was sent but not yet accepted. It is written down before the first request, so that a retry or a
 * reload sends the very same keys and the server makes one conversation and one message of them.
 */
export interface Pending {
  readonly text: string;
  readonly conversationKey: string;
  readonly messageKey: string;
}

/** The answers that were under way in a conversation, and the place in the live events that belongs to them. */
interface Progress {
  readonly conversationId: string;
  readonly cursor: string;
  readonly answers: readonly { readonly runId: string; readonly text: string; readonly cursor: string }[];
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

/** One only, of the conversation that was on the screen last: an answer may be large and the storage is not. */
const progress = slot<Progress>(
  'progress',
  (value) =>
    typeof value.conversationId === 'string' &&
    typeof value.cursor === 'string' &&
    Array.isArray(value.answers),
);

/** Keeps the partial answers of these runs together with the cursor that belongs to them. */
export function keepProgress(now: {
  readonly conversationId: string;
  readonly cursor: string;
  readonly runs: readonly string[];
  readonly answers: ReadonlyMap<string, Answer>;
}): void {
  const { conversationId, cursor, runs } = now;
  const answers = runs.flatMap((runId) => {
    const answer = now.answers.get(runId);
    return answer?.cursor ? [{ runId, text: answer.text, cursor: answer.cursor }] : [];
  });
  progress.set(null, answers.length === 0 ? null : { conversationId, cursor, answers });
}

/** What was kept of this conversation, if anything. */
export function takeProgress(conversationId: string | null): KeptEvents | null {
  const kept = progress.get(null);
  if (!kept || kept.conversationId !== conversationId) return null;
  const answers = kept.answers.map(({ runId, text, cursor }) => {
    const answer = { ...emptyAnswer, text, cursor, status: 'running' } as const;
    return [runId, { conversationId: kept.conversationId, answer }] as const;
  });
  return { cursor: kept.cursor, answers: new Map(answers) };
}

const owner = slot<{ readonly id: string }>('user', (value) => typeof value.id === 'string');

/** Whose tab this is. What one user has typed is not for the next one: signing in as another forgets it. */
export function rememberUser(userId: string): void {
  const known = owner.get(null)?.id;
  if (known !== undefined && known !== userId) forgetAll();
  owner.set(null, { id: userId });
}

/** Forgets everything that this tab has kept. */
export function forgetAll(): void {
  try {
    const names = Object.keys(sessionStorage).filter((name) => name.startsWith('holdfast:'));
    for (const name of names) sessionStorage.removeItem(name);
  } catch {}
}

/** Writes down that this text is to be sent. */
export function intend(conversationId: string | null, text: string): Pending {
  const pending = { text, conversationKey: newIdempotencyKey(), messageKey: newIdempotencyKey() };
  pendings.set(conversationId, pending);
  return pending;
}
