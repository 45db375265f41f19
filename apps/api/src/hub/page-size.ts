/**
 * How many events a reader's next page of history has. A reader that takes whole pages gets larger ones; for one that is
 * full, what is read is thrown away and read again.
 */
import type { LoggedEvent } from '@holdfast/shared/protocol/run-event.ts';
import { pageEventsMax } from '@holdfast/shared/run-log/read-text.ts';

export const pageEventsFirst = 16;
const pageEventsMin = 4;

/** What one page may hold in our memory while it is read, in UTF-16 units of JSON: many are read at once. */
const pageCharsMax = 256 * 1024;

/**
 * From the last page, how many events it was to have and whether its reader took them all. Always a whole number: Redis
 * refuses any other, and the reader would wait for the end of the run.
 */
export function nextPageEvents(
  events: readonly LoggedEvent[],
  { limit, taken }: { readonly limit: number; readonly taken: boolean },
): number {
  if (!taken) return Math.max(Math.floor(limit / 4), pageEventsMin);
  const chars = events.reduce((sum, event) => sum + event.json.length, 0);
  const fitting = Math.floor((pageCharsMax * events.length) / Math.max(1, chars));
  return Math.max(Math.min(limit * 2, pageEventsMax, fitting), pageEventsMin);
}
