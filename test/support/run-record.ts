/**
 * What a client has been told about one run, checked against the protocol event by event. Fed by the drivers of the
 * different clients; knows nothing of connections.
 */
import {
  compareEventIds,
  type EventId,
  isNextEventId,
  parseEventId,
} from '@holdfast/shared/protocol/event-id.ts';
import { isTerminalType } from '@holdfast/shared/protocol/run-event.ts';

/**
 * The rules a server can break:
 *
 * id-missing, id-invalid   an event without an id that this protocol has
 * data-invalid             data that is not JSON, or lacks the text or the position
 * duplicate                an id a second time (a snapshot may repeat the cursor)
 * order                    an id that is older than the one before, and no snapshot
 * gap                      an event is missing before this one, or the log began in the middle
 * opening                  `started` that is not the very first event
 * after-terminal           anything after the end, on any connection
 * not-ended                no 204 for the cursor of the terminal event
 */
export type Rule =
  | 'id-missing'
  | 'id-invalid'
  | 'data-invalid'
  | 'duplicate'
  | 'order'
  | 'gap'
  | 'opening'
  | 'after-terminal'
  | 'not-ended';

export interface Violation {
  readonly rule: Rule;
  /** Number of the connection, from 0. */
  readonly connection: number;
  /** The event's id as it came, and the last one before it. */
  readonly id: string | null;
  readonly after: string | null;
  readonly event: string;
}

export interface RecordedEvent {
  readonly connection: number;
  readonly id: string | null;
  readonly event: string;
  readonly data: string;
}

/** The terminal event, its data parsed. */
export interface Terminal {
  readonly type: 'completed' | 'failed' | 'cancelled';
  readonly id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** How one connection went. */
export interface ConnectionRecord {
  /** The address, without the cursor's query parameter. */
  readonly url: string;
  /** The cursor that was sent; null for none. */
  readonly cursor: string | null;
  /** null when there was no response. */
  status: number | null;
  events: number;
  /** Comments that came (heartbeats), and the last `retry:` in ms. */
  comments: number;
  retryMs: number | null;
  /** How it ended, or the network's error code; null while it is open. */
  end: string | null;
  /** Longest time without a byte while it was read, and the time to its first event (null: none came), in ms. */
  silentMs: number;
  firstEventMs: number | null;
}

export interface RunRecord {
  /** What the client shows now. */
  text: string;
  /** Where it stood in the queue, each time it was told. */
  readonly positions: number[];
  /** Every id that came, repeats included. */
  readonly ids: string[];
  readonly connections: ConnectionRecord[];
  terminal: Terminal | null;
  readonly violations: Violation[];
  /** The last id; what the client sends back. */
  cursor: string | null;
}

export type Apply = (event: RecordedEvent) => void;

/** What a client knew in an earlier life; also a cursor that no server can have sent. */
export interface Earlier {
  readonly cursor: string | null;
  readonly text: string;
}

/** A record, empty or of an earlier life, and the function that applies an event to it. */
export function createRunRecord(earlier?: Earlier): { record: RunRecord; apply: Apply } {
  const { cursor = null, text = '' } = earlier ?? {};
  const record: RunRecord = {
    text,
    positions: [],
    ids: [],
    connections: [],
    terminal: null,
    violations: [],
    cursor,
  };
  const seen = new Set<string>();
  let last: EventId | null = cursor === null ? null : parseEventId(cursor);
  if (last && cursor !== null) seen.add(cursor);

  function apply(event: RecordedEvent): void {
    const rule = ruleBrokenBy(event, record, last, seen);
    if (rule) {
      const { connection, id } = event;
      record.violations.push({ rule, connection, id, after: record.cursor, event: event.event });
    }
    if (event.id !== null) record.ids.push(event.id);
    // Where the run stands in the queue is no entry of its log: it changes neither text nor cursor.
    if (event.event === 'queued') {
      if (rule === null) record.positions.push(Number(parseObject(event.data)?.['position']));
      return;
    }
    // A client that applied a repeated or an older event would show its text twice: not applied here either. After a
    // gap this goes on, so that one hole is one violation.
    if (rule === null || rule === 'gap' || rule === 'opening') advance(event);
  }

  function advance({ event, id, data }: RecordedEvent): void {
    last = parseEventId(id ?? '');
    record.cursor = id;
    // PROTOCOL.md, section 4: a snapshot may carry an earlier id, and what follows counts on from there. What comes
    // again without a snapshot is still out of order.
    if (event === 'snapshot') seen.clear();
    seen.add(id ?? '');
    const value = parseObject(data) ?? {};
    if (event === 'started') record.text = '';
    else if (event === 'delta') record.text += String(value.text);
    else if (event === 'snapshot') record.text = String(value.text);
    else if (isTerminalType(event)) record.terminal = { type: event, id: id ?? '', data: value };
    // A type that we do not know is a later version's: it has a place among the ids and no meaning for us.
  }

  return { record, apply };
}

/** The first rule that this event breaks, or null. */
function ruleBrokenBy(
  { event, id: text, data }: RecordedEvent,
  record: RunRecord,
  last: EventId | null,
  seen: ReadonlySet<string>,
): Rule | null {
  if (event === 'queued') return ruleBrokenByPlace(text, data, record);
  if (text === null) return 'id-missing';
  const id = parseEventId(text);
  if (!id) return 'id-invalid';
  if (record.terminal) return 'after-terminal';
  const value = parseObject(data);
  if (!value) return 'data-invalid';
  if ((event === 'delta' || event === 'snapshot') && typeof value.text !== 'string') return 'data-invalid';
  // A snapshot may stand anywhere: it answers a cursor that the log does not cover, also one from the future.
  if (event === 'snapshot') return null;
  if (seen.has(text)) return 'duplicate';
  if (last && compareEventIds(id, last) < 0) return 'order';
  if (event === 'started') return last === null && id.seq === 0 ? null : 'opening';
  return mayFollow(last, id, event) ? null : 'gap';
}

/** PROTOCOL.md, section 2: `queued` has no `id:`. */
function ruleBrokenByPlace(text: string | null, data: string, record: RunRecord): Rule | null {
  if (text !== null) return 'id-invalid';
  if (record.terminal) return 'after-terminal';
  const { position, estimatedMs } = parseObject(data) ?? {};
  const isPlace = Number.isInteger(position) && Number(position) >= 1;
  return isPlace && (estimatedMs === null || typeof estimatedMs === 'number') ? null : 'data-invalid';
}

function mayFollow(last: EventId | null, next: EventId, event: string): boolean {
  // A run that was cancelled before anyone picked it up has nothing but its end.
  if (!last) return next.seq === 0 && isTerminalType(event);
  if (event === 'delta' && next.attempt !== last.attempt) return false;
  return isNextEventId(last, next);
}

function parseObject(json: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
