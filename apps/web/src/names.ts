/** Who the other members of the conversation are. A convenience: without an answer, messages are those of "Somebody". */
import type { Client } from '@holdfast/client';
import type { ThreadMessage } from './thread.ts';

export interface Names {
  of(userId: string | null): string;
  /** Asks for the names of authors other than oneself, unless they are known. */
  learn(conversationId: string, ownId: string, messages: readonly ThreadMessage[], signal: AbortSignal): void;
  /** The members have changed: asks again when next it learns. */
  forget(): void;
}

export function createNames(client: Pick<Client, 'members'>, onLearnt: () => void): Names {
  const names = new Map<string, string>();
  /** Those about whom was asked: who is no member any more has no name to be found. */
  let asked = new Set<string>();

  return {
    of: (userId) => names.get(userId ?? '') ?? 'Somebody',
    learn(conversationId, ownId, messages, signal) {
      const unknown = messages.flatMap(({ authorId }) =>
        authorId && authorId !== ownId && !asked.has(authorId) ? authorId : [],
      );
      if (unknown.length === 0) return;
      asked = new Set([...asked, ...unknown]);
      client.members(conversationId, { signal }).then(
        ({ members }) => {
          for (const { userId, name } of members) names.set(userId, name);
          if (!signal.aborted) onLearnt();
        },
        () => {
          asked.clear();
        },
      );
    },
    forget() {
      asked.clear();
    },
  };
}
