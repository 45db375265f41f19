/** What somebody who reads a run brings along: where to go on, and where the events are to go. */
import type { EventId } from '@holdfast/shared/protocol/event-id.ts';
import type { QueuePosition } from '@holdfast/shared/protocol/queue-position.ts';
import type { LoggedEvent } from '@holdfast/shared/protocol/run-event.ts';

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
  /** The run waits, and this is where it stands. Not called after the first event. */
  sendPosition?(position: QueuePosition): void;
  whenWritable(): Promise<void>;
  end(): void;
}
