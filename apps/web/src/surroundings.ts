/** What stands around each message of one's own conversations: who wrote it, how it ended, what can be done with it. */
import { copyText } from './clipboard.ts';
import type { Surroundings } from './message-view.ts';
import { endingOf } from './sentences.ts';
import type { Entry } from './thread.ts';

export interface SurroundingsContext {
  readonly userId: string;
  readonly mayWrite: boolean;
  nameOf(userId: string | null): string;
  /** Why what was wanted of this message did not work. */
  problemOf(entryId: string): string | null;
  /** Where a waiting run stands. */
  placeOf(runId: string): string | null;
  /** Whether the Stop button is for this run. */
  isNext(runId: string): boolean;
  readonly edit: (entry: Entry) => void;
  readonly regenerate: (entry: Entry) => void;
  readonly showVersion: (entry: Entry, step: -1 | 1) => void;
  readonly cancel: (runId: string) => void;
}

/** `last`: nothing stands below it; only the end of a conversation can be answered anew. */
export function surroundingsOf(entry: Entry, last: boolean, context: SurroundingsContext): Surroundings {
  const { id, role, siblings, run, authorId, status } = entry;
  const { mayWrite } = context;
  const versions: Surroundings = {
    version: siblings && { position: siblings.position, count: siblings.ids.length, mayChange: mayWrite },
    onVersion: (step) => context.showVersion(entry, step),
  };
  if (role === 'user') {
    const isOwn = authorId === null || authorId === context.userId;
    return {
      ...versions,
      author: isOwn ? null : context.nameOf(authorId),
      sentence: context.problemOf(id),
      actions: isOwn && mayWrite ? [{ testId: 'edit', label: 'Edit', run: () => context.edit(entry) }] : [],
    };
  }
  if (run) {
    const { id: runId } = run;
    const mayCancel = mayWrite && !context.isNext(runId);
    return {
      ...versions,
      sentence: status === 'queued' ? context.placeOf(runId) : null,
      actions: mayCancel ? [{ testId: 'cancel', label: 'Cancel', run: () => context.cancel(runId) }] : [],
    };
  }
  const [testId, label] =
    status === 'failed' ? (['retry', 'Try again'] as const) : (['regenerate', 'Regenerate'] as const);
  return {
    ...versions,
    sentence: context.problemOf(id) ?? endingOf(entry),
    actions: [
      ...(entry.text === ''
        ? []
        : [
            {
              testId: 'copy',
              label: 'Copy',
              run: (button: HTMLButtonElement) => void copyText(entry.text, button),
            } as const,
          ]),
      ...(last && mayWrite ? [{ testId, label, run: () => context.regenerate(entry) }] : []),
    ],
  };
}
