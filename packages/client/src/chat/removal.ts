/** Conversations that are about to be deleted: out of sight at once, and gone for good when nobody has undone it. */

import type { Client } from '../client.ts';
import type { FoundConversation } from '../wire.ts';
import type { RemovedConversation } from './list-types.ts';

/** Long enough to read what was done and to find the button. */
const undoMsDefault = 7_000;

export interface Removal {
  /** What can still be brought back, the newest last. */
  removed(): RemovedConversation[];
  /** What is not to be seen: these, and those that are being deleted. */
  ids(): string[];
  add(conversation: FoundConversation): void;
  undo(conversationId: string): void;
  /** It is gone, whoever deleted it. */
  forget(conversationId: string): void;
  /** Deletes what waits now. */
  finish(): void;
}

export function createRemoval(parts: {
  readonly client: Pick<Client, 'deleteConversation'>;
  readonly undoMs: number | undefined;
  readonly onChange: () => void;
  /** It was not deleted, and is to be seen again. */
  readonly onRefused: (error: unknown) => void;
}): Removal {
  const { client, undoMs = undoMsDefault, onChange } = parts;
  const waiting = new Map<string, RemovedConversation & { readonly timer: ReturnType<typeof setTimeout> }>();
  const leaving = new Set<string>();

  /** Takes it out of those that wait. */
  function take(id: string): boolean {
    const one = waiting.get(id);
    clearTimeout(one?.timer);
    return waiting.delete(id);
  }

  async function remove(id: string): Promise<void> {
    if (!take(id)) return;
    leaving.add(id);
    onChange();
    try {
      await client.deleteConversation(id);
    } catch (error) {
      leaving.delete(id);
      parts.onRefused(error);
    }
  }

  return {
    removed: () => [...waiting.values()].map(({ conversation, untilMs }) => ({ conversation, untilMs })),
    ids: () => [...waiting.keys(), ...leaving],
    add(conversation) {
      const { id } = conversation;
      take(id);
      const timer = setTimeout(() => void remove(id), undoMs);
      waiting.set(id, { conversation, untilMs: Date.now() + undoMs, timer });
      onChange();
    },
    undo(id) {
      if (take(id)) onChange();
    },
    forget(id) {
      take(id);
      leaving.delete(id);
    },
    finish() {
      for (const id of waiting.keys()) void remove(id);
    },
  };
}
