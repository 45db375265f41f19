/** Who the other members of the conversation are. A convenience: without an answer their names are not known. */
import type { Client } from '../client.ts';
import type { ThreadMessage } from './thread.ts';

export interface Names {
  of(userId: string): string | null;
  /** Asks for the names of authors, unless they are known. */
  learn(conversationId: string, messages: readonly ThreadMessage[], signal: AbortSignal): void;
  /** The members have changed: asks again when next it learns. */
  forget(): void;
}

export function createNames(client: Pick<Client, 'members'>, onLearnt: () => void): Names {
  const names = new Map<string, string>();
  /** Those about whom was asked: who is no member any more has no name to be found. */
  const asked = new Set<string>();

  return {
    of: (userId) => names.get(userId) ?? null,
    learn(conversationId, messages, signal) {
      const unknown = messages.flatMap(({ authorId }) =>
        authorId && !names.has(authorId) && !asked.has(authorId) ? authorId : [],
      );
      if (unknown.length === 0) return;
      for (const id of unknown) asked.add(id);
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
