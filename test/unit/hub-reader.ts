/**
 * A reader of the hub's world: a client that keeps the rules of docs/PROTOCOL.md, behind a connection of bounded size
 * that breaks now and then. It notices every promise that is broken to it.
 */
import {
  compareEventIds,
  type EventId,
  formatEventId,
  isNextEventId,
} from '@holdfast/shared/protocol/event-id.ts';
import { isTerminalType, type LoggedEvent, type RunEnd } from '@holdfast/shared/protocol/run-event.ts';
import { applyToText } from '@holdfast/shared/run-log/read-text.ts';
import type { Cursor, Sink, Subscription } from '../../apps/api/src/hub/reader.ts';
import { type Answer, applyEvent, emptyAnswer } from '../../packages/client/src/apply-event.ts';
import type { ReceivedEvent } from '../../packages/client/src/received-event.ts';
import type { Choose, TextAt } from './hub-play.ts';

export interface ReaderPlan {
  /** What it comes with first. A cursor that no event of this run has yet, or ever, is fair. */
  readonly cursor: Cursor;
  /** Events that its connection holds before it is full. */
  readonly capacity: number;
  /** How many turns it comes after the beginning; null: after the end. */
  readonly comesAfter: number | null;
}

export interface Reader {
  readonly text: string;
  readonly ended: boolean;
  readonly received: number;
  readonly comesLate: boolean;
  start(): void;
  /** Nothing moves, and this is the log's newest event: has it all arrived? */
  checkCaughtUp(head: EventId): void;
}

export interface ReaderDeps {
  readonly subscribe: (cursor: Cursor, sink: Sink) => Subscription;
  readonly turn: () => Promise<void>;
  readonly fault: (percent: number) => boolean;
  readonly choose: Choose;
  readonly textAt: TextAt;
  /** How the run has ended by the database. */
  readonly storedEnd: () => RunEnd | null;
  readonly violate: (sentence: string) => void;
}

/** What a reader has whose cursor names no event: nobody may append to it. */
const foreignText = 'FOREIGN ';

/** What a client sends back to name its place. */
function cursorText(cursor: Cursor): string | null {
  if (cursor.kind === 'after') return formatEventId(cursor.id);
  return cursor.kind === 'start' ? null : 'of another server';
}

export function createReader(plan: ReaderPlan, deps: ReaderDeps): Reader {
  const { textAt, violate } = deps;
  let cursor = plan.cursor;
  let position: EventId | null = cursor.kind === 'after' ? cursor.id : null;
  let text = cursor.kind === 'start' ? '' : ((position && textAt(position)) ?? foreignText);
  /** What the client's own code makes of it. */
  let answer: Answer = { ...emptyAnswer, text, cursor: cursorText(cursor) };
  let ended = false;
  let received = 0;
  /** By the connection that is open now. */
  let receivedHere = 0;

  function apply(event: LoggedEvent): void {
    const id = formatEventId(event.id);
    received += 1;
    receivedHere += 1;
    if (ended) violate(`${event.type} ${id} came after the end`);
    const replaces = event.type === 'snapshot' && event.id.seq > 0;
    const opens = event.id.seq === 0 && (position === null || compareEventIds(event.id, position) > 0);
    const follows = position !== null && isNextEventId(position, event.id);
    // An empty log that is told by a snapshot has the id of its opening.
    if (!replaces && !opens && !follows && event.type !== 'snapshot') {
      violate(`${event.type} ${id} came after ${position && formatEventId(position)}`);
    }
    text = applyToText(text, event);
    position = event.id;
    cursor = { kind: 'after', id: event.id };
    ended = isTerminalType(event.type);
    const { attempt, seq } = event.id;
    if (text !== textAt({ attempt, seq: ended ? seq - 1 : seq })) {
      violate(`after ${event.type} ${id} the text is "${text}"`);
    }
    answer = applyEvent(answer, { id, type: event.type, data: JSON.parse(event.json) } as ReceivedEvent);
    if (answer.text !== text || answer.cursor !== id) {
      violate(`after ${event.type} ${id} the client shows "${answer.text}" at ${answer.cursor}`);
    }
    if (!ended) return;
    const stored = deps.storedEnd();
    if (!stored) violate(`${event.type} ${id} came before the database had the end`);
    else if (stored.event.type !== event.type || formatEventId(stored.id) !== id) {
      violate(`${event.type} ${id} came, and the end is ${stored.event.type} ${formatEventId(stored.id)}`);
    }
  }

  function connect(): void {
    let buffer: LoggedEvent[] = [];
    let state: 'open' | 'ending' | 'closed' = 'open';
    const waiting: (() => void)[] = [];
    let flushing = false;
    receivedHere = 0;

    function close(): void {
      state = 'closed';
      buffer = [];
      subscription.close();
      for (const resume of waiting.splice(0)) resume();
      if (!ended) void deps.turn().then(connect);
    }

    /** The reader takes all that waits, or goes away in the middle of it. */
    function flush(): void {
      flushing = false;
      if (state === 'closed') return;
      const breaks = deps.fault(8);
      const taken = buffer.splice(0, breaks ? deps.choose(buffer.length + 1) : buffer.length);
      for (const event of taken) apply(event);
      if (state === 'ending' && !breaks && !ended)
        violate('the connection was ended without a terminal event');
      if (state === 'ending' || breaks) close();
      else for (const resume of waiting.splice(0)) resume();
    }

    const sink: Sink = {
      get full() {
        return buffer.length >= plan.capacity;
      },
      send(event) {
        if (state !== 'open') violate(`${event.type} was sent into a connection that is ${state}`);
        buffer.push(event);
        // The end that Postgres knows comes as two, a snapshot and the terminal event.
        if (buffer.length > plan.capacity + 1) violate(`a full connection was sent ${event.type}`);
        if (flushing) return;
        flushing = true;
        void deps.turn().then(flush);
      },
      sendAll(events) {
        if (buffer.length + events.length > plan.capacity) return false;
        for (const event of events) sink.send(event);
        return true;
      },
      whenWritable() {
        if (state === 'closed' || !sink.full) return Promise.resolve();
        return new Promise((resolve) => waiting.push(resolve));
      },
      end() {
        state = 'ending';
        void deps.turn().then(flush);
      },
    };
    const subscription = deps.subscribe(cursor, sink);
  }

  return {
    get text() {
      return text;
    },
    get ended() {
      return ended;
    },
    get received() {
      return received;
    },
    comesLate: plan.comesAfter === null,
    checkCaughtUp(head) {
      const distance = position ? compareEventIds(position, head) : -1;
      const has = position ? formatEventId(position) : 'nothing';
      // A log that lost its tail stands before what it was sent; one that nothing was sent from can know that by nobody.
      if (distance < 0 || (distance > 0 && receivedHere === 0)) {
        violate(`the log stands at ${formatEventId(head)}, a reader at ${has}`);
      }
    },
    start() {
      void (async () => {
        for (let turns = plan.comesAfter ?? 0; turns > 0; turns--) await deps.turn();
        connect();
      })();
    },
  };
}
