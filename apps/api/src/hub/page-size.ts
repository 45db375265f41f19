/**
 * How many events a reader's next page of history has. A reader that takes whole pages gets larger ones; for one that is
 * full, what is read is thrown away and read again.
 */
import type { LoggedEvent } from '@holdfast/shared/protocol/run-event.ts';
import { bufferBytesMax } from '../sse/connection.ts';

/** Of the largest events, as many as a page may hold. */
export const pageEventsFirst = 32;
const pageEventsMin = 4;

/** One reply of Redis: what it takes to make it, everybody else waits. */
const pageEventsMax = 1_000;

/** A page that fills a reader's buffer would be thrown away in part; and of many readers each holds one. */
const pageBytesMax = bufferBytesMax * 0.75;

/** What the frame of an event has besides its JSON, about. */
const frameBytes = 36;

/**
 * From the last page, how many events it was to have and whether its reader took them all. Always a whole number: Redis
 * refuses any other, and the reader would wait for the end of the run.
 */
export function nextPageEvents(
  events: readonly LoggedEvent[],
  { limit, taken }: { readonly limit: number; readonly taken: boolean },
): number {
  if (!taken) return Math.max(Math.floor(limit / 4), pageEventsMin);
  let bytes = 0;
  for (const { json } of events) bytes += json.length + frameBytes;
  const fitting = Math.floor((pageBytesMax * events.length) / Math.max(1, bytes));
  return Math.max(Math.min(limit * 4, pageEventsMax, fitting), pageEventsMin);
}
