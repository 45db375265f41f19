/** What is known of the runs of the conversation that is shown: their answers so far, their places in the queue, their times. */

import type { QueuePosition } from '@holdfast/shared/protocol/queue-position.ts';
import { type Answer, applyEvent, emptyAnswer } from '../apply-event.ts';
import type { ReceivedEvent } from '../received-event.ts';
import type { RunView } from '../wire.ts';
import type { ThreadRun } from './thread.ts';

export interface Runs {
  readonly answers: ReadonlyMap<string, Answer>;
  readonly queue: ReadonlyMap<string, QueuePosition>;
  /** In milliseconds. */
  readonly durations: ReadonlyMap<string, number>;
  clear(): void;
  /** What a reload has kept. */
  restore(runId: string, answer: Answer): void;
  /** Applies an event of a run. Returns whether it changed anything. */
  apply(runId: string, event: ReceivedEvent): boolean;
  setQueue(runId: string, position: QueuePosition): void;
  /** Remembers how long a run took, if it has ended. */
  noteTimes(run: Pick<RunView, 'id' | 'startedAt' | 'finishedAt'>): void;
  /** These have not ended, says history. */
  show(runs: readonly ThreadRun[]): void;
  /** Those of these that are under way. */
  underWay(runs: readonly ThreadRun[]): readonly ThreadRun[];
}

export function createRuns(): Runs {
  const answers = new Map<string, Answer>();
  const queue = new Map<string, QueuePosition>();
  const durations = new Map<string, number>();
  return {
    answers,
    queue,
    durations,
    clear() {
      answers.clear();
      queue.clear();
      durations.clear();
    },
    restore: (runId, answer) => answers.set(runId, answer),
    apply(runId, event) {
      const before = answers.get(runId) ?? emptyAnswer;
      const answer = applyEvent(before, event);
      if (answer === before) return false;
      answers.set(runId, answer);
      queue.delete(runId);
      return true;
    },
    setQueue: (runId, { position, estimatedMs }) => queue.set(runId, { position, estimatedMs }),
    noteTimes({ id, startedAt, finishedAt }) {
      if (startedAt && finishedAt) durations.set(id, Date.parse(finishedAt) - Date.parse(startedAt));
    },
    show(runs) {
      // One that goes on may only be missing because the server was asked before it began.
      for (const [runId, { messageId }] of answers) {
        if (messageId !== null && !runs.some(({ id }) => id === runId)) answers.delete(runId);
      }
    },
    underWay: (runs) => runs.filter(({ id }) => !answers.get(id)?.messageId),
  };
}
