import type { EventId } from '../protocol/event-id.ts';
import { isTerminalType, type LoggedEvent } from '../protocol/run-event.ts';
import type { RunLogReader } from './run-log.ts';

/** Entries per page: a page is one Redis reply, which should neither block Redis nor fill the process. */
export const pageEventsMax = 500;

/** The text that a log holds, and the last event that it is made of. */
export interface LogText {
  readonly text: string;
  readonly id: EventId;
}

/** The text that results from applying one event to `text`. */
export function applyToText(text: string, event: LoggedEvent): string {
  if (isTerminalType(event.type)) return text;
  if (event.type === 'started') return '';
  const { text: piece } = JSON.parse(event.json) as { text: string };
  return event.type === 'snapshot' ? piece : text + piece;
}

/**
 * Puts the current attempt's text together, up to but without its terminal event. Returns null when the log is absent.
 * Throws RunLogUnavailableError.
 */
export async function readText(runLog: RunLogReader, runId: string): Promise<LogText | null> {
  let text = '';
  let id: EventId | null = null;
  for (;;) {
    const page = await runLog.read(runId, id, pageEventsMax);
    for (const event of page.events) {
      if (isTerminalType(event.type)) break;
      // An event of a later attempt begins with a snapshot or `started`, which replaces what was read so far.
      text = applyToText(text, event);
      id = event.id;
    }
    if (page.events.length < pageEventsMax) return id ? { text, id } : null;
  }
}
