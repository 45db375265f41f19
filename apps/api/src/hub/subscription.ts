/**
 * One reader of one run: first what the log holds, then what arrives.
 *
 * replaying  history is read page by page, at the reader's own pace; live events wait in `pending`
 * live       nothing is pending; events are delivered as they arrive
 * closed     nothing is delivered again; reached from either state, never left
 *
 * A live reader goes back to replaying when an event is missing or when its connection is full: a slow reader then
 * costs a position in the log and nothing else.
 * The hub must be listening before `replay` reads the log. In the other order an event that is appended between the
 * read and the registration would be lost.
 */
import { backoffMs, sleep } from '@holdfast/shared/abort.ts';
import { compareEventIds, type EventId, isNextEventId } from '@holdfast/shared/protocol/event-id.ts';
import type { QueuePosition } from '@holdfast/shared/protocol/queue-position.ts';
import { encodeEventData, isTerminalType, type LoggedEvent } from '@holdfast/shared/protocol/run-event.ts';
import { readText } from '@holdfast/shared/run-log/read-text.ts';
import type { LogPage, RunLogReader } from '@holdfast/shared/run-log/run-log.ts';
import type { EndedRun } from '@holdfast/shared/store/runs.ts';
import { isChain } from './chain.ts';
import type { Gate } from './gate.ts';
import type { ReadPage } from './page-reader.ts';
import { nextPageEvents, pageEventsFirst } from './page-size.ts';
import type { Cursor, Sink, Subscription } from './reader.ts';

/** About two seconds of a fast model. A replay that is further behind reads the log again instead. */
const pendingEventsMax = 256;

/** Waits between reads of a log that cannot be read now. */
const rereadMsMin = 100;
const rereadMsMax = 1_000;

export interface SubscriptionOptions {
  readonly runId: string;
  readonly cursor: Cursor;
  readonly runLog: RunLogReader;
  readonly sink: Sink;
  /** Bounds the reads of all subscriptions together, also those of `readPage`: halves the peak memory of a storm. */
  readonly gate: Gate;
  readonly readPage: ReadPage;
  /** Resolves when live events of this run are being heard. */
  readonly listening: Promise<void>;
  /** How the run ended, if it did. */
  readonly lookUpEnd: (runId: string) => Promise<EndedRun | undefined>;
  /** Tells where the run stands while it waits, until the returned function is called. */
  readonly watchPosition: (onPosition: (position: QueuePosition) => void) => () => void;
  readonly onError: (error: unknown) => void;
  readonly onClose: () => void;
}

export function createSubscription(options: SubscriptionOptions): Subscription {
  const { runId, runLog, sink, gate } = options;
  const stopped = new AbortController();
  let state: 'replaying' | 'live' | 'closed' = 'replaying';
  let pending: LoggedEvent[] = [];
  let pendingLost = false;
  /** Set while the log cannot be read, or the hub cannot hear it. */
  let logFails = true;
  /** The last event that the reader has; null: nothing. */
  let position = options.cursor.kind === 'after' ? options.cursor.id : null;
  /** Whether `position` was sent by us, and so cannot be invented, or from a log that is lost. */
  let positionIsOurs = options.cursor.kind === 'start';
  let wantsSnapshot = options.cursor.kind === 'unknown';
  let pageEvents = pageEventsFirst;
  /** Set while the log does not exist yet: the reader is told where its run stands. */
  let unwatch: (() => void) | null = null;

  function tellPositions(): void {
    if (state === 'closed') return;
    unwatch ??= options.watchPosition((place) => {
      if (!sink.full) sink.sendPosition?.(place);
    });
  }

  function send(event: LoggedEvent): void {
    // An opening replaces the text as a snapshot does.
    if (event.id.seq === 0) wantsSnapshot = false;
    sink.send(event);
    passed(event);
  }

  /** The reader was sent everything up to this event. */
  function passed({ id, type }: LoggedEvent): void {
    unwatch?.();
    unwatch = null;
    position = id;
    positionIsOurs = true;
    if (isTerminalType(type)) finishReading();
  }

  function finishReading(): void {
    close();
    sink.end();
  }

  function close(): void {
    if (state === 'closed') return;
    state = 'closed';
    pending = [];
    unwatch?.();
    stopped.abort();
    options.onClose();
  }

  /**
   * Delivers an event if it is the next one. The overlap of history and live events, and of a log that its worker writes
   * again, ends here: what the reader has is skipped. False: an event is missing, or the reader is full.
   */
  function deliverNext(event: LoggedEvent): boolean {
    if (state === 'closed') return true;
    if (position) {
      const order = compareEventIds(event.id, position);
      // The log stands before a position that the client named: it was invented, or its log was lost.
      if (order <= 0) return order === 0 || positionIsOurs;
      if (!isNextEventId(position, event.id)) return false;
    } else if (event.id.seq !== 0) return false;
    if (sink.full) return false;
    send(event);
    return true;
  }

  /** Delivers events in order until one is missing or the reader is full. Returns whether all were delivered. */
  function deliver(events: readonly LoggedEvent[]): boolean {
    for (const event of events) if (!deliverNext(event)) return false;
    return true;
  }

  /** Delivers events in one piece, if they follow each other and what the reader has, and it can take all of them. */
  function deliverAll(events: readonly LoggedEvent[]): boolean {
    const last = events.at(-1);
    if (!last || !position || sink.full || !isChain(position, events) || !sink.sendAll?.(events))
      return false;
    passed(last);
    return true;
  }

  /** Whether the page goes on where the reader is. If not, only a snapshot can help. */
  function covers({ head, events }: LogPage): boolean {
    if (wantsSnapshot) return false;
    if (!position || !head) return true;
    // A log that is behind what we sent ourselves lost its tail, and its worker will write that again.
    if (compareEventIds(head.id, position) < 0) return positionIsOurs;
    return events[0] === undefined || isNextEventId(position, events[0].id);
  }

  async function sendSnapshot(): Promise<void> {
    const log = await gate(() => readText(runLog, runId));
    if (state === 'closed') return;
    const hadIt = log && positionIsOurs && position && compareEventIds(log.id, position) <= 0;
    // Else the same snapshot would be sent again and again, as fast as Redis can be read.
    if (!log || (hadIt && !wantsSnapshot)) throw new Error('entries of the run log are missing');
    wantsSnapshot = false;
    const json = encodeEventData({ type: 'snapshot', data: { text: log.text } });
    send({ id: log.id, type: 'snapshot', json });
  }

  /** Reads one page and delivers it. Returns whether the reader now has all that the log holds. */
  async function replayPage(): Promise<boolean> {
    const limit = pageEvents;
    const page = await options.readPage(runId, position, limit);
    logFails = false;
    if (state === 'closed') return true;
    if (!page.head) {
      const ended = await options.lookUpEnd(runId);
      if (ended) finish(ended);
      else tellPositions();
      return true;
    }
    if (!covers(page)) {
      await sendSnapshot();
      return false;
    }
    const taken = deliverAll(page.events) || deliver(page.events);
    pageEvents = nextPageEvents(page.events, { limit, taken });
    return taken && page.events.length < limit;
  }

  async function replay(): Promise<void> {
    let failures = 0;
    await options.listening;
    while (state === 'replaying') {
      await sink.whenWritable();
      // What was offered before this read began is in the log.
      pending = [];
      pendingLost = false;
      try {
        const caughtUp = await replayPage();
        failures = 0;
        if (state !== 'replaying') return;
        // From here to `live` nothing may wait, or an event could slip in between.
        if (caughtUp && !pendingLost && deliver(pending) && state === 'replaying') state = 'live';
      } catch (error) {
        logFails = true;
        if (failures === 0) options.onError(error);
        await sleep(backoffMs(failures++, rereadMsMin, rereadMsMax), stopped.signal);
      }
    }
  }

  function startReplay(): void {
    replay().catch((error: unknown) => {
      options.onError(error);
      // A bug, not the world: the client comes back instead of waiting for nothing.
      if (state !== 'closed') finishReading();
    });
  }

  function reread(): void {
    if (state !== 'live') return;
    state = 'replaying';
    startReplay();
  }

  function finish({ end, text }: EndedRun): void {
    if (state === 'closed') return;
    const before: EventId = { attempt: end.id.attempt, seq: end.id.seq - 1 };
    if (!position || wantsSnapshot || compareEventIds(position, before) !== 0) {
      send({ id: before, type: 'snapshot', json: encodeEventData({ type: 'snapshot', data: { text } }) });
    }
    send({ id: end.id, type: end.event.type, json: encodeEventData(end.event) });
  }

  startReplay();

  return {
    offer(event) {
      if (state === 'live') {
        if (!deliverNext(event)) reread();
      } else if (state === 'replaying') {
        if (pending.length < pendingEventsMax) {
          pending.push(event);
        } else {
          pending = [];
          pendingLost = true;
        }
      }
    },
    compare(head) {
      const ahead = position ? compareEventIds(head.id, position) : 1;
      if (ahead > 0 || (ahead < 0 && !positionIsOurs)) reread();
    },
    reread,
    finish,
    get waitsForLog() {
      // Not while it is full: it would get the whole text on top.
      return !sink.full && (state === 'live' || (state === 'replaying' && logFails));
    },
    close,
  };
}
