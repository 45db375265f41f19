/**
 * An event id is `<attempt>-<seq>`: the attempt that wrote the event (from 1) and the event's place in it.
 * Place 0 opens the attempt; the places after it have no gaps, so a hole is arithmetic and a repeat is recognised.
 * The same string is the id of the Redis entry, the SSE `id:` field and, sent back as Last-Event-ID, the cursor.
 */
export interface EventId {
  readonly attempt: number;
  readonly seq: number;
}

/**
 * Nine digits are a billion events: more than a run may have, and far below 2^53, so that arithmetic stays exact and
 * a hostile number cannot reach Redis. No leading zeros: one position has one spelling.
 */
const eventIdPattern = /^([1-9]\d{0,8})-(0|[1-9]\d{0,8})$/;

/** Reads an event id. Returns null for everything that this server cannot have sent. */
export function parseEventId(text: string): EventId | null {
  const match = eventIdPattern.exec(text);
  return match ? { attempt: Number(match[1]), seq: Number(match[2]) } : null;
}

/** Writes an event id as it stands in Redis and on the wire. */
export function formatEventId(id: EventId): string {
  return `${id.attempt}-${id.seq}`;
}

/** Orders two ids as the run log does: negative when `a` is older, 0 when equal, positive when `a` is newer. */
export function compareEventIds(a: EventId, b: EventId): number {
  return a.attempt - b.attempt || a.seq - b.seq;
}

/**
 * Whether `next` may follow `previous` with nothing missing in between: the next place of the same attempt, or the
 * opening of a later one (which replaces the text, so whatever the dead attempt wrote besides does not matter).
 */
export function isNextEventId(previous: EventId, next: EventId): boolean {
  if (next.attempt === previous.attempt) return next.seq === previous.seq + 1;
  return next.attempt > previous.attempt && next.seq === 0;
}
