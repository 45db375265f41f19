/**
 * The cursor of `/api/events`: the number of the last event of the feed, and for each followed run that has not ended the
 * id of its last event: `42`, or `42~<run id>.1-17~<run id>.1-3`. Clients send it back unread.
 */
import { isId } from '../id.ts';
import { type EventId, formatEventId, parseEventId } from '../protocol/event-id.ts';

export interface FeedCursor {
  readonly seq: number;
  /** By run id. */
  readonly runs: ReadonlyMap<string, EventId>;
}

/**
 * Runs that one cursor names: ten followed conversations with two runs each, because the next one may begin before the
 * end of the last has arrived. A run that is not named is told from its beginning.
 */
export const cursorRunsMax = 20;

/** Fifteen digits stay exact as a number, and a hostile one does not reach Postgres. No leading zeros. */
const seqPattern = /^(0|[1-9]\d{0,14})$/;

/** Reads a cursor. Returns null for everything that this server cannot have sent. */
export function parseFeedCursor(text: string): FeedCursor | null {
  const [seq = '', ...places] = text.split('~', cursorRunsMax + 2);
  if (!seqPattern.test(seq) || places.length > cursorRunsMax) return null;
  const runs = new Map<string, EventId>();
  for (const place of places) {
    const [runId = '', id = '', ...rest] = place.split('.', 3);
    const eventId = parseEventId(id);
    if (!isId(runId) || !eventId || rest.length > 0 || runs.has(runId.toLowerCase())) return null;
    runs.set(runId.toLowerCase(), eventId);
  }
  return { seq: Number(seq), runs };
}

/** Writes a cursor; of too many runs it names those that came last. */
export function formatFeedCursor({ seq, runs }: FeedCursor): string {
  let text = String(seq);
  let skip = runs.size - cursorRunsMax;
  for (const [runId, id] of runs) if (skip-- <= 0) text += `~${runId}.${formatEventId(id)}`;
  return text;
}
