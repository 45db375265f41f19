/**
 * The answers that are under way in followed conversations. Each tab keeps all of them, because each may have to lead:
 * a tab that comes later cannot be told the events before it, but what they came to.
 */
import { type Answer, applyEvent, emptyAnswer } from './apply-event.ts';
import type { ReceivedLiveEvent } from './follow-events.ts';

export interface KnownAnswer {
  readonly conversationId: string;
  readonly answer: Answer;
}

/** What a reload has kept: the place in the events, and the unfinished answers as they were there, by run. */
export interface KeptEvents {
  readonly cursor: string;
  readonly answers: ReadonlyMap<string, KnownAnswer>;
}

export interface KnownAnswers {
  readonly byRun: ReadonlyMap<string, KnownAnswer>;
  note(event: ReceivedLiveEvent): void;
  replace(known: ReadonlyMap<string, KnownAnswer>): void;
  /** One event for each answer of these conversations that has begun, which replaces what was there. */
  snapshots(conversationIds: readonly string[], cursor: string | null): ReceivedLiveEvent[];
}

export function createKnownAnswers(): KnownAnswers {
  let byRun = new Map<string, KnownAnswer>();
  return {
    get byRun() {
      return byRun;
    },
    note({ type, data }) {
      if (type === 'run.event') {
        const { conversationId, runId, event } = data;
        const answer = applyEvent(byRun.get(runId)?.answer ?? emptyAnswer, event);
        byRun.set(runId, { conversationId, answer });
      } else if (type === 'resync') byRun.clear();
      else if (type === 'run.ended') byRun.delete(data.run.id);
      else if (type === 'conversation.removed') {
        for (const [runId, { conversationId }] of byRun) {
          if (conversationId === data.conversationId) byRun.delete(runId);
        }
      }
    },
    replace(known) {
      byRun = new Map(known);
    },
    snapshots: (conversationIds, cursor) =>
      [...byRun].flatMap(([runId, { conversationId, answer }]) => {
        // Of one that has ended history says more, and it is read now.
        if (!conversationIds.includes(conversationId) || !answer.cursor || answer.messageId) return [];
        const event = { id: answer.cursor, type: 'snapshot', data: { text: answer.text } } as const;
        return [{ type: 'run.event', data: { conversationId, runId, event }, cursor } as const];
      }),
  };
}
