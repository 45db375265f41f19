/** What somebody who reads a run brings along, where to go on and where the events are to go, and what they get for it. */
import type { EventId } from '@holdfast/shared/protocol/event-id.ts';
import type { QueuePosition } from '@holdfast/shared/protocol/queue-position.ts';
import type { LoggedEvent } from '@holdfast/shared/protocol/run-event.ts';
import type { LogHead } from '@holdfast/shared/run-log/run-log.ts';
import type { EndedRun } from '@holdfast/shared/store/runs.ts';

/**
 * Where a reader wants to go on.
 *
 * start    it has nothing
 * after    it has everything up to this event
 * unknown  it has something that nobody can name: it gets a snapshot
 */
export type Cursor =
  | { readonly kind: 'start' }
  | { readonly kind: 'after'; readonly id: EventId }
  | { readonly kind: 'unknown' };

/** Where events go: a connection. */
export interface Sink {
  readonly full: boolean;
  send(event: LoggedEvent): void;
  /**
   * Sends all of these, in one piece that is made once for all who are sent the same list; or false, and none of them,
   * where it would hold more then than it may.
   */
  sendAll?(events: readonly LoggedEvent[]): boolean;
  /** The run waits, and this is where it stands. Not called after the first event. */
  sendPosition?(position: QueuePosition): void;
  whenWritable(): Promise<void>;
  end(): void;
}

export interface Subscription {
  /** A live event. */
  offer(event: LoggedEvent): void;
  /** How far the log is, seen by a check: reads what this reader lacks. */
  compare(head: LogHead): void;
  /** Events may have been missed: reads the log again. */
  reread(): void;
  /** The run ended and the log does not say so: delivers the end that Postgres knows. */
  finish(ended: EndedRun): void;
  /** Whether it waits for the log, rather than for its reader. */
  readonly waitsForLog: boolean;
  close(): void;
}
