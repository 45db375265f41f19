/** Follows everything that happens in the user's conversations: docs/PROTOCOL.md, section 10. */

import { type FollowOptions, followStream, type Taken } from './follow.ts';
import { type ReceivedEvent, readEvent } from './received-event.ts';
import type { WireEvent } from './wire.ts';

/** An event of a followed run, as `followRun` yields it, for `applyEvent`. */
export interface FollowedRunEvent {
  readonly type: 'run.event';
  readonly data: { readonly conversationId: string; readonly runId: string; readonly event: ReceivedEvent };
}

/** One event. `ready` and `resync` say that what follows goes on from here: read what you show after them. */
export type LiveEvent = Exclude<WireEvent, { type: 'run.event' }> | FollowedRunEvent;

/** One event as it reached this client. `cursor`: from where to resume after it; null: nothing came before it. */
export type ReceivedLiveEvent = LiveEvent & { readonly cursor: string | null };

export interface FollowEventsOptions extends FollowOptions {
  /** Up to ten conversations whose run events are wanted, too. */
  readonly follow?: readonly string[] | undefined;
}

/**
 * The events of all conversations of the user, each once and in order, without end. The first one of each connection is
 * `ready`, or `resync` where the cursor was of no use: what is shown must then be read again.
 *
 * Whatever cuts a connection, it resumes from the cursor, for ever: see `followStream`.
 *
 * @param url the address of `/api/events`, without a query
 * @throws ProblemError when the server refuses in a way that waiting cannot mend (4xx but 408, 425, 429)
 */
export function followEvents(
  url: string,
  { follow = [], ...options }: FollowEventsOptions = {},
): AsyncGenerator<ReceivedLiveEvent, void, undefined> {
  const address = follow.length === 0 ? url : `${url}?follow=${follow.map(encodeURIComponent).join(',')}`;
  return followStream<ReceivedLiveEvent>(address, options, take, true);
}

const types: ReadonlySet<string> = new Set<LiveEvent['type']>([
  'ready',
  'resync',
  'message.added',
  'run.queued',
  'run.position',
  'run.started',
  'run.ended',
  'run.event',
  'conversation.added',
  'conversation.changed',
  'conversation.removed',
]);

function take(
  message: { event?: string | undefined; id?: string | undefined; data: string },
  before: string | null,
): Taken<ReceivedLiveEvent> {
  const { event: type = 'message', id } = message;
  // "A client MUST ignore event types that it does not know": the next event that it knows moves the cursor past it.
  if (!types.has(type)) return { kind: 'ignore' };
  try {
    const data: unknown = JSON.parse(message.data);
    if (typeof data !== 'object' || data === null) return { kind: 'reconnect' };
    const cursor = id ?? before;
    const event = { type, data: type === 'run.event' ? runEvent(data) : data, cursor };
    return {
      kind: 'event',
      // The server is trusted to write what its schemas say; what is damaged on the way is no JSON.
      event: event as ReceivedLiveEvent,
      cursor,
      // A server that takes connections and drops them must not be asked again and again.
      isNew: type !== 'ready' && type !== 'resync',
      ends: false,
    };
  } catch {
    // The server has it, undamaged, behind our cursor.
    return { kind: 'reconnect' };
  }
}

/** Throws a TypeError for what no event of a run can be. */
function runEvent(wire: object): FollowedRunEvent['data'] {
  const { conversationId, runId, id, type, data } = wire as Extract<WireEvent, { type: 'run.event' }>['data'];
  const event = readEvent({ event: type, id, data: JSON.stringify(data) });
  if (!event) throw new TypeError('a run event without an id');
  return { conversationId, runId, event };
}
