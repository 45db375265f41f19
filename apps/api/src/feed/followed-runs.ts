/**
 * The runs that one connection to `/api/events` follows, and the places that it has come to in them.
 *
 * followed  the hub delivers its events; from the first one on, its place is part of the cursor
 * over      its terminal event was delivered; kept until the feed says so, too, so that it is not begun again
 */
import type { EventId } from '@holdfast/shared/protocol/event-id.ts';
import { isTerminalType, type LoggedEvent } from '@holdfast/shared/protocol/run-event.ts';
import type { Hub } from '../hub/hub.ts';
import type { Cursor } from '../hub/reader.ts';

/** Runs that are followed at once although they wait: each costs a subscription. Others follow when they start. */
const waitingRunsMax = 50;

/** What is known of a run that may be followed. */
export interface FollowableRun {
  readonly id: string;
  readonly conversationId: string;
  /** Whether it waits in the queue. */
  readonly waits: boolean;
}

interface FollowedRun {
  readonly conversationId: string;
  close(): void;
  readonly ended: PromiseWithResolvers<void>;
}

export interface FollowedRuns {
  /** The places to name in the cursor. */
  readonly places: ReadonlyMap<string, EventId>;
  readonly count: number;
  /** Follows a run from a cursor, unless it is followed already. */
  follow(run: FollowableRun, cursor: Cursor): void;
  has(runId: string): boolean;
  /** Resolves when the run's terminal event was delivered, or when it is not followed (any more). */
  whenOver(runId: string): Promise<void>;
  /** The feed has told the end of a run. */
  forget(runId: string): void;
  /** Delivers nothing more of these runs. */
  leave(conversationId: string): void;
  leaveAll(): void;
}

export interface FollowedRunsSink {
  readonly full: boolean;
  /** Called after the event's place was noted. */
  send(conversationId: string, runId: string, event: LoggedEvent): void;
  whenWritable(): Promise<void>;
}

export function createFollowedRuns(hub: Pick<Hub, 'subscribe'>, sink: FollowedRunsSink): FollowedRuns {
  const runs = new Map<string, FollowedRun>();
  const places = new Map<string, EventId>();

  function drop(runId: string, run: FollowedRun): void {
    run.close();
    runs.delete(runId);
    places.delete(runId);
    run.ended.resolve();
  }

  return {
    places,
    get count() {
      return runs.size;
    },
    follow({ id: runId, conversationId, waits }, cursor) {
      if (runs.has(runId) || (waits && runs.size >= waitingRunsMax)) return;
      const run: FollowedRun = {
        conversationId,
        close: () => subscription.close(),
        ended: Promise.withResolvers<void>(),
      };
      runs.set(runId, run);
      if (cursor.kind === 'after') places.set(runId, cursor.id);
      const subscription = hub.subscribe(runId, cursor, {
        get full() {
          return sink.full;
        },
        send(event) {
          // Once it is over, the feed alone tells what became of it.
          if (isTerminalType(event.type)) places.delete(runId);
          else places.set(runId, event.id);
          sink.send(conversationId, runId, event);
        },
        whenWritable: () => sink.whenWritable(),
        end() {
          places.delete(runId);
          run.ended.resolve();
        },
      });
    },
    has: (runId) => runs.has(runId),
    async whenOver(runId) {
      await runs.get(runId)?.ended.promise;
    },
    forget(runId) {
      const run = runs.get(runId);
      if (run) drop(runId, run);
    },
    leave(conversationId) {
      for (const [runId, run] of runs) if (run.conversationId === conversationId) drop(runId, run);
    },
    leaveAll() {
      for (const [runId, run] of runs) drop(runId, run);
    },
  };
}
