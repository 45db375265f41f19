/**
 * What survives a reload. Nothing of it is the truth: without it a text is replayed from the start and a message that is
 * on its way is lost with the page, so a full or forbidden storage is no error.
 */
import { type Answer, emptyAnswer } from '../apply-event.ts';
import type { KeptEvents } from '../share-known-answers.ts';
import type { KeptStorage } from './chat-types.ts';
import { isPending, type Pending } from './pending.ts';

const prefix = 'holdfast:';

/** How often everything was forgotten: a chat that is still open then must not bring it back when it is closed. */
let forgotten = 0;

/** The answers that were under way in a conversation, and the place in the live events that belongs to them. */
interface Progress {
  readonly conversationId: string;
  readonly cursor: string;
  readonly answers: readonly { readonly runId: string; readonly text: string; readonly cursor: string }[];
}

export interface Kept {
  /** All messages that are not stored yet, in their order. */
  pendings(): Pending[];
  keep(pending: Pending): void;
  drop(pending: Pending): void;
  /** Keeps the partial answers of these runs together with the cursor that belongs to them. */
  keepProgress(now: {
    readonly conversationId: string;
    readonly cursor: string;
    readonly runs: readonly string[];
    readonly answers: ReadonlyMap<string, Answer>;
  }): void;
  /** What was kept of this conversation, if anything. */
  takeProgress(conversationId: string | null): KeptEvents | null;
}

/** What one user has typed is not for the next one, so everything is kept by user. */
export function createKept(storage: KeptStorage | null, userId: string): Kept {
  const own = `${prefix}${userId}:`;
  const pendingPrefix = `${own}pending:`;
  const progressName = `${own}progress`;
  const since = forgotten;

  function get(name: string): unknown {
    try {
      return JSON.parse(storage?.getItem(name) ?? 'null');
    } catch {
      return null;
    }
  }

  /** Null removes it. */
  function set(name: string, value: object | null): void {
    try {
      if (value === null) storage?.removeItem(name);
      else if (since === forgotten) storage?.setItem(name, JSON.stringify(value));
    } catch {
      // An older value must not stay: a cursor with the text of another moment is worse than none.
      try {
        storage?.removeItem(name);
      } catch {}
    }
  }

  return {
    pendings: () =>
      namesIn(storage, pendingPrefix)
        .map(get)
        .filter(isPending)
        .sort((a, b) => a.order - b.order),
    keep: (pending) => set(pendingPrefix + pending.key, pending),
    drop: ({ key }) => set(pendingPrefix + key, null),
    keepProgress({ conversationId, cursor, runs, answers }) {
      const begun = runs.flatMap((runId) => {
        const answer = answers.get(runId);
        return answer?.cursor ? [{ runId, text: answer.text, cursor: answer.cursor }] : [];
      });
      // One only, of the conversation that was on the screen last: an answer may be large and a storage is not.
      set(progressName, begun.length === 0 ? null : { conversationId, cursor, answers: begun });
    },
    takeProgress(conversationId) {
      const kept = get(progressName);
      if (!isProgress(kept) || kept.conversationId !== conversationId) return null;
      const answers = kept.answers.map(({ runId, text, cursor }) => {
        const answer = { ...emptyAnswer, text, cursor, status: 'running' } as const;
        return [runId, { conversationId: kept.conversationId, answer }] as const;
      });
      return { cursor: kept.cursor, answers: new Map(answers) };
    },
  };
}

function isProgress(value: unknown): value is Progress {
  const { conversationId, cursor, answers } = (value ?? {}) as Partial<Record<keyof Progress, unknown>>;
  return typeof conversationId === 'string' && typeof cursor === 'string' && Array.isArray(answers);
}

function namesIn(storage: KeptStorage | null, start: string): string[] {
  try {
    const names = Array.from({ length: storage?.length ?? 0 }, (_, at) => storage?.key(at) ?? '');
    return names.filter((name) => name.startsWith(start));
  } catch {
    return [];
  }
}

/**
 * Forgets everything that chats have kept in this storage, of any user: for logging out. Chats that were made before keep
 * nothing any more.
 */
export function forgetKept(storage: KeptStorage | null = platformStorage()): void {
  forgotten += 1;
  for (const name of namesIn(storage, prefix)) {
    try {
      storage?.removeItem(name);
    } catch {}
  }
}

/** The storage of this tab; null where there is none, or where it is forbidden. */
export function platformStorage(): KeptStorage | null {
  try {
    return (globalThis as Partial<typeof globalThis>).sessionStorage ?? null;
  } catch {
    return null;
  }
}
