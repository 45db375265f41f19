/** Follows one run, each event once and in order, whatever happens to the connections. */
import type { QueuePosition } from '@holdfast/shared/protocol/queue-position.ts';
import { isTerminalType } from '@holdfast/shared/protocol/run-event.ts';
import { type FollowOptions, followStream } from './follow.ts';
import { placeOf, type ReceivedEvent, readEvent } from './received-event.ts';

export type { FollowOptions, FollowState } from './follow.ts';

export interface FollowRunOptions extends FollowOptions {
  /** Told where the run stands in the queue, while it waits there. */
  readonly onPosition?: ((position: QueuePosition) => void) | undefined;
}

/**
 * The events of a run, each once and in order, up to and including the terminal event; then the iteration ends. It
 * also ends when the server says that nothing follows the cursor (204).
 *
 * Whatever cuts a connection, it resumes from the cursor, for ever: see `followStream`.
 *
 * @param url the run's `eventsUrl`
 * @throws ProblemError when the server refuses in a way that waiting cannot mend (4xx but 408, 425, 429)
 */
export function followRun(
  url: string,
  { onPosition, ...options }: FollowRunOptions = {},
): AsyncGenerator<ReceivedEvent, void, undefined> {
  /** The cursor behind which a terminal event came with a hole before it. */
  let holeBehind: string | null = null;
  return followStream<ReceivedEvent>(url, options, (message, cursor) => {
    // The only event without an id: it changes neither text nor cursor.
    const waits = message.event === 'queued' && !message.id;
    const event = waits ? null : tryRead(message);
    if (waits && onPosition) readPosition(message.data, onPosition);
    if (event === 'damaged') return { kind: 'reconnect' };
    const place = event && placeOf(cursor, event);
    if (!event || place === 'repeat') return { kind: 'ignore' };
    const ends = isTerminalType(event.type);
    if (place === 'gap') {
      // Ask for the missing events. Should the end come again with the same hole, it is accepted: the message is whole
      // in history, and to ask again for ever would hide it.
      const insists = ends && holeBehind === cursor;
      if (ends) holeBehind = cursor;
      if (!insists) return { kind: 'reconnect' };
    }
    return { kind: 'event', event, cursor: event.id, isNew: true, ends };
  });
}

/** What cannot be read is left out: the next one comes soon. */
function readPosition(json: string, onPosition: (position: QueuePosition) => void): void {
  let data: unknown;
  try {
    data = JSON.parse(json);
  } catch {
    return;
  }
  const { position, estimatedMs } = (data ?? {}) as Partial<Record<keyof QueuePosition, unknown>>;
  if (typeof position !== 'number') return;
  onPosition({ position, estimatedMs: typeof estimatedMs === 'number' ? estimatedMs : null });
}

/** Damaged data is treated as a damaged connection: the server has the event, undamaged, behind our cursor. */
function tryRead(message: Parameters<typeof readEvent>[0]): ReceivedEvent | null | 'damaged' {
  try {
    return readEvent(message);
  } catch {
    return 'damaged';
  }
}
