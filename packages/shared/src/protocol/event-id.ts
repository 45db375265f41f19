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
 * a hostile number cannot reach Redis.
 */
const digitsMax = 9;

/**
 * Reads an event id: `<1…>-<0…>` without leading zeros, so that one position has one spelling. Returns null for everything
 * that this server cannot have sent. Digit by digit, because it is done for each event that arrives: a pattern takes ten
 * times as long.
 */
export function parseEventId(text: string): EventId | null {
  const dash = text.indexOf('-');
  const attempt = parseDigits(text, 0, dash);
  const seq = parseDigits(text, dash + 1, text.length);
  return attempt > 0 && seq >= 0 ? { attempt, seq } : null;
}

/** The number that stands there; -1 when it is none, is too long or begins with a zero that it does not need. */
function parseDigits(text: string, from: number, to: number): number {
  const digits = to - from;
  if (digits < 1 || digits > digitsMax) return -1;
  if (digits > 1 && text.charCodeAt(from) === 0x30) return -1;
  let value = 0;
  for (let at = from; at < to; at += 1) {
    const digit = text.charCodeAt(at) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
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
