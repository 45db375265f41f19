import { formatEventId } from '@holdfast/shared/protocol/event-id.ts';
import type { QueuePosition } from '@holdfast/shared/protocol/queue-position.ts';
import type { LoggedEvent } from '@holdfast/shared/protocol/run-event.ts';

let lastEvent: LoggedEvent | undefined;
let lastFrame: Buffer | undefined;

/**
 * One event as the bytes of one SSE frame (WHATWG HTML, 9.2.5). The hub hands each event to all its readers in turn, so
 * remembering the last one means that an event is encoded once, however many people read it.
 *
 * `json` is one line: a CR or LF would end the field. It was encoded by JSON.stringify, which escapes both.
 */
export function eventFrame(event: LoggedEvent): Buffer {
  if (event !== lastEvent || lastFrame === undefined) {
    lastFrame = Buffer.from(frameText(event));
    lastEvent = event;
  }
  return lastFrame;
}

const frameText = ({ id, type, json }: LoggedEvent): string =>
  `id: ${formatEventId(id)}\nevent: ${type}\ndata: ${json}\n\n`;

let lastEvents: readonly LoggedEvent[] | undefined;
let lastEventsFrame: Buffer | undefined;

/** The frames of several events in one piece. Readers who get the same list get it one after the other, as above. */
export function eventsFrame(events: readonly LoggedEvent[]): Buffer {
  if (events !== lastEvents || lastEventsFrame === undefined) {
    let text = '';
    for (const event of events) text += frameText(event);
    lastEventsFrame = Buffer.from(text);
    lastEvents = events;
  }
  return lastEventsFrame;
}

/** Where a waiting run stands. No id: "the last event ID buffer" keeps its value, so the cursor stays where it was. */
export function positionFrame(position: QueuePosition): Buffer {
  return Buffer.from(`event: queued\ndata: ${JSON.stringify(position)}\n\n`);
}

/** "If the line starts with a U+003A COLON character (:), ignore the line." No id: a heartbeat must not move the cursor. */
export const heartbeatFrame = Buffer.from(': heartbeat\n\n');

/** Tells EventSource how long to wait before it reconnects. */
export function retryFrame(ms: number): Buffer {
  return Buffer.from(`retry: ${ms}\n\n`);
}
