import { parseEventId } from '../protocol/event-id.ts';
import type { LoggedEvent, RunEventType } from '../protocol/run-event.ts';

/** An event as Redis gave it. Throws on an entry that no version of this code writes: somebody else wrote to our key. */
export function toLoggedEvent(id: string, type: string | undefined, json: string | undefined): LoggedEvent {
  const parsed = parseEventId(id);
  if (!parsed || type === undefined || json === undefined) {
    throw new Error(`foreign entry ${id} in a run log`);
  }
  return { id: parsed, type: type as RunEventType, json };
}
