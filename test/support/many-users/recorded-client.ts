/** A client that writes down everything that it sends and gets, for check.ts to judge. */
import { parseFeedCursor } from '@holdfast/shared/sync/feed-cursor.ts';
import type { Entry, FeedEvent, ReaderEntry, ReaderEvent, RequestEntry } from '../checker/history.ts';
import { followFeed } from '../feed-recorder.ts';
import { followRun } from '../recorder.ts';
import type { RunRecord } from '../run-record.ts';

/** Who sends. */
export interface Sender {
  readonly id: string;
  readonly headers: { readonly authorization: string };
}

/** One for all clients: its places are those of the history. */
export interface Recording {
  readonly bases: readonly string[];
  readonly entries: Entry[];
  next(): number;
  /** Fires when nobody is to wait any longer: readers that have no end by then are written down as they are. */
  readonly patience?: AbortSignal;
  /** Longest wait for an answer, in ms; then it counts as lost. Default: for ever. */
  readonly answerMsMax?: number;
}

export function startRecording(
  bases: readonly string[],
  limits: Pick<Recording, 'patience' | 'answerMsMax'> = {},
): Recording {
  let last = 0;
  return { bases, entries: [], next: () => ++last, ...limits };
}

export interface Sending {
  readonly body?: unknown;
  readonly key?: string | null;
  /** Which server, modulo their number. */
  readonly server?: number;
}

/** Sends a request, of which a broken connection is a possible end. */
export async function sendRecorded(
  recording: Recording,
  sender: Sender,
  method: string,
  path: string,
  { body = null, key = null, server = 0 }: Sending = {},
): Promise<RequestEntry> {
  const began = recording.next();
  let status: number | null = null;
  let reply: unknown = null;
  try {
    const response = await fetch(`${recording.bases[server % recording.bases.length]}${path}`, {
      method,
      headers: {
        ...sender.headers,
        ...(body === null ? {} : { 'content-type': 'application/json' }),
        ...(key === null ? {} : { 'idempotency-key': key }),
      },
      ...(body === null ? {} : { body: JSON.stringify(body) }),
      ...(recording.answerMsMax === undefined ? {} : { signal: AbortSignal.timeout(recording.answerMsMax) }),
    });
    const text = await response.text();
    reply = text === '' ? null : JSON.parse(text);
    status = response.status;
  } catch {
    // The answer is lost, whole or in part: what it would have said is not known.
  }
  const ended = recording.next();
  const entry = {
    kind: 'request',
    user: sender.id,
    method,
    path,
    key,
    body,
    began,
    ended,
    status,
    reply,
  } as const;
  recording.entries.push(entry);
  return entry;
}

export interface Reading {
  readonly begin?: ReaderEntry['begin'];
  readonly cursorBy?: 'header' | 'query';
  /** See `FollowOptions` in recorder.ts. */
  readonly cutAfter?: (connection: number) => number | null;
  /** Goes away for good after so many events. */
  readonly leaveAfter?: number | null;
  /** Does not read its socket for so long, after its first event. */
  readonly stallMs?: number;
  /** Number of the first server. */
  readonly server?: number;
}

/** Follows a run to its end, or for as long as it wants to. */
export async function readRecorded(
  recording: Recording,
  reader: Sender,
  run: { readonly id: string; readonly eventsUrl: string },
  {
    begin = { cursor: null, text: null },
    cursorBy = 'header',
    cutAfter,
    leaveAfter = null,
    stallMs = 0,
    server = 0,
  }: Reading = {},
): Promise<ReaderEntry> {
  const opened: number[] = [];
  const events: ReaderEvent[] = [];
  const leaving = new AbortController();
  const { bases, patience } = recording;
  const following = followRun({
    bases: bases.map((_, index) => bases[(index + server) % bases.length] ?? ''),
    url(base) {
      opened.push(recording.next());
      return `${base}${run.eventsUrl}`;
    },
    headers: reader.headers,
    cursorBy,
    signal: patience ? AbortSignal.any([leaving.signal, patience]) : leaving.signal,
    ...(cutAfter ? { cutAfter } : {}),
    ...(begin.cursor === null ? {} : { earlier: { cursor: begin.cursor, text: begin.text ?? '' } }),
    onEvent(event, record: Readonly<RunRecord>) {
      events.push({ at: recording.next(), ...event });
      if (leaveAfter !== null && events.length >= leaveAfter && !record.terminal) leaving.abort();
      if (stallMs > 0 && events.length === 1) {
        following.stall();
        setTimeout(() => following.resume(), stallMs);
      }
    },
  });
  const done = await following.done;
  // Whoever went away wanted no end; whoever was still waiting did.
  const ending = done === 'aborted' && !leaving.signal.aborted ? 'unfinished' : done;
  const { connections } = following.record;
  const entry = {
    kind: 'reader',
    user: reader.id,
    runId: run.id,
    begin,
    opened,
    connections,
    events,
  } as const;
  const whole: ReaderEntry = { ...entry, ending, ended: recording.next() };
  recording.entries.push(whole);
  return whole;
}

/** A reader of `/api/events` at work. */
export interface FeedReader {
  readonly user: string;
  /** The place in the feed up to which it has read. */
  readonly seq: () => number;
  /** Ends it and writes it down. */
  readonly stop: () => Promise<void>;
}

/** Follows `/api/events`, with the runs of the conversations in `follow`. */
export function followRecorded(
  recording: Recording,
  reader: Sender,
  follow: readonly string[],
  cutAfter: (connection: number) => number | null,
): FeedReader {
  const opened: number[] = [];
  const events: FeedEvent[] = [];
  const following = followFeed({
    bases: recording.bases,
    follow,
    headers: reader.headers,
    cutAfter,
    onOpen: () => opened.push(recording.next()),
    onEvent: ({ type, data }) =>
      events.push({ at: recording.next(), connection: opened.length - 1, type, data }),
  });
  return {
    user: reader.id,
    seq: () => parseFeedCursor(following.record.cursor ?? '')?.seq ?? 0,
    async stop() {
      await following.stop();
      const { violations } = following.record;
      recording.entries.push({ kind: 'feed', user: reader.id, opened, events, violations });
    },
  };
}
