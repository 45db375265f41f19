import { compareEventIds, isNextEventId, parseEventId } from '@holdfast/shared/protocol/event-id.ts';
import { isTerminalType, type RunEvent } from '@holdfast/shared/protocol/run-event.ts';

/** An event of a later protocol version. It carries no text for us, but it has its place in the log. */
export interface UnknownEvent {
  readonly type: 'unknown';
  /** Its SSE event type. */
  readonly name: string;
  /** Its SSE data, unread. */
  readonly json: string;
}

/** One event as it reached this client. `id` is the cursor from which to resume after it. */
export type ReceivedEvent = (RunEvent | UnknownEvent) & { readonly id: string };

/** Where an event stands to what was applied before: it follows, it was already there, or something is missing. */
export type EventPlace = 'next' | 'repeat' | 'gap';

/**
 * Compares an event with the cursor (the id of the last one applied, or null).
 *
 * Ids that are not `<attempt>-<seq>` are taken as opaque, as the protocol asks: then only the very same id is a repeat
 * and a gap cannot be seen.
 */
export function placeOf(cursor: string | null, event: Pick<ReceivedEvent, 'id' | 'type'>): EventPlace {
  // It carries the whole text, so nothing can be missing; its id may repeat or precede one that was seen.
  if (event.type === 'snapshot') return 'next';
  if (event.id === cursor) return 'repeat';
  const current = parseEventId(event.id);
  if (!current) return 'next';
  if (cursor === null) {
    // The first event opens the attempt or ends a run that never began; any other stands on text we do not have.
    return event.type === 'delta' ? 'gap' : 'next';
  }
  const previous = parseEventId(cursor);
  if (!previous) return 'next';
  if (compareEventIds(current, previous) <= 0) return 'repeat';
  return isNextEventId(previous, current) ? 'next' : 'gap';
}

/**
 * Reads one SSE message. Returns null for what cannot be an event of a run log (no id), and throws a TypeError for
 * data that a known event type cannot have: something on the way has damaged it.
 */
export function readEvent(message: {
  event?: string | undefined;
  id?: string | undefined;
  data: string;
}): ReceivedEvent | null {
  const { id, event: name = 'message', data: json } = message;
  if (!id) return null;
  const known = name === 'started' || name === 'delta' || name === 'snapshot' || isTerminalType(name);
  if (!known) return { id, type: 'unknown', name, json };
  const data = parseObject(json);
  if ((name === 'delta' || name === 'snapshot') && typeof data.text !== 'string') {
    throw new TypeError(`a ${name} event without text`);
  }
  if (isTerminalType(name) && typeof data.messageId !== 'string')
    throw new TypeError(`a ${name} event without messageId`);
  // The fields on which this package relies were checked above; the others are handed on as the server wrote them.
  return { id, type: name, data } as unknown as ReceivedEvent;
}

function parseObject(json: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new TypeError('event data that is not JSON', { cause });
  }
  if (typeof value !== 'object' || value === null) throw new TypeError('event data that is not an object');
  return value as Record<string, unknown>;
}
