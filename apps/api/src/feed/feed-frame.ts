import { formatEventId } from '@holdfast/shared/protocol/event-id.ts';
import type { LoggedEvent } from '@holdfast/shared/protocol/run-event.ts';
import type { ConnectionEventType, UserEventType } from '@holdfast/shared/protocol/user-event.ts';

/** One event of `/api/events` as an SSE frame. Without `id` it does not move the cursor. */
export function feedFrame(
  type: UserEventType | ConnectionEventType,
  json: string,
  id: string | null,
): Buffer {
  return Buffer.from(`${id === null ? '' : `id: ${id}\n`}event: ${type}\ndata: ${json}\n\n`);
}

let lastEvent: LoggedEvent | undefined;
let lastJson = '';

/**
 * An event of a followed run as the data of a `run.event`. The hub hands each event to all its readers in turn, so the
 * last one is remembered; its own data is encoded already.
 */
export function runEventJson(conversationId: string, runId: string, event: LoggedEvent): string {
  if (event !== lastEvent) {
    const head = JSON.stringify({ conversationId, runId, id: formatEventId(event.id), type: event.type });
    lastJson = `${head.slice(0, -1)},"data":${event.json}}`;
    lastEvent = event;
  }
  return lastJson;
}
