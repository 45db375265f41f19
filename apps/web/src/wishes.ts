/** What somebody wants of a message that is there: another answer, another wording, another version. */
import { type Client, type Conversation, newIdempotencyKey } from '@holdfast/client';
import { isRetryable, sentenceOf } from './sentences.ts';
import type { Entry } from './thread.ts';
import type { ThreadView } from './thread-view.ts';

export interface WishesParts {
  readonly client: Client;
  readonly view: ThreadView;
  readonly signal: () => AbortSignal;
  /** A wish is under way, or not any more. */
  readonly onBusy: (busy: boolean) => void;
  /** What the server accepted is about to be shown: what is read of it now is too old. */
  readonly onAccepted: () => void;
  /** Another branch is shown. */
  readonly onBranch: (conversation: Conversation, signal: AbortSignal) => Promise<void>;
}

export interface Wishes {
  regenerate(entry: Entry): void;
  edit(entry: Entry): void;
  showVersion(conversationId: string, entry: Entry, step: -1 | 1): void;
  /** Why the last wish about this message was not granted; null: it was, or there was none. */
  problemOf(entryId: string): string | null;
  forget(): void;
}

export function createWishes(parts: WishesParts): Wishes {
  const { client, view } = parts;
  /** By message: one key until it is granted. A second click after a lost answer must not make a second run. */
  const keys = new Map<string, string>();
  const problems = new Map<string, string>();

  async function grant(
    id: string,
    work: (idempotencyKey: string, signal: AbortSignal) => Promise<void>,
  ): Promise<boolean> {
    const signal = parts.signal();
    const key = keys.get(id) ?? newIdempotencyKey();
    keys.set(id, key);
    problems.delete(id);
    parts.onBusy(true);
    try {
      await work(key, signal);
      keys.delete(id);
    } catch (error) {
      if (signal.aborted) return true;
      if (!isRetryable(error)) keys.delete(id);
      problems.set(id, sentenceOf(error));
    }
    view.refresh();
    parts.onBusy(false);
    return !problems.has(id);
  }

  /** How many messages of the thread come before this one. */
  const before = (messageId: string) => view.thread.messages.findIndex(({ id }) => id === messageId);

  async function sendEdited(id: string, text: string): Promise<void> {
    // Another wording is another wish.
    keys.delete(id);
    const isGranted = await grant(id, async (idempotencyKey, signal) => {
      const { message, run } = await client.editMessage(id, { text }, { idempotencyKey, signal });
      parts.onAccepted();
      view.extend(before(id), message, run);
    });
    if (!isGranted) edit(id, text);
  }

  function edit(id: string, text: string): void {
    view.view(id)?.edit(text, (changed) => void sendEdited(id, changed));
  }

  return {
    regenerate({ id }) {
      void grant(id, async (idempotencyKey, signal) => {
        const { run } = await client.regenerate(id, {}, { idempotencyKey, signal });
        parts.onAccepted();
        view.extend(before(run.promptMessageId) + 1, null, run);
      });
    },
    edit: ({ id, text }) => edit(id, text),
    showVersion(conversationId, { id, siblings }, step) {
      const leafId = siblings?.ids[siblings.position - 1 + step];
      if (leafId === undefined) return;
      void grant(id, async (_key, signal) => {
        await parts.onBranch(await client.updateConversation(conversationId, { leafId }, { signal }), signal);
      });
    },
    problemOf: (id) => problems.get(id) ?? null,
    forget() {
      keys.clear();
      problems.clear();
    },
  };
}
