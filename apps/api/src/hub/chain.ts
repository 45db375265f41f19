import { type EventId, isNextEventId } from '@holdfast/shared/protocol/event-id.ts';
import { isTerminalType, type LoggedEvent } from '@holdfast/shared/protocol/run-event.ts';

/** Whether these events follow `position` and each other with nothing missing, in one attempt, and nothing follows its end. */
export function isChain(position: EventId, events: readonly LoggedEvent[]): boolean {
  let before = position;
  for (const [place, { id, type }] of events.entries()) {
    if (id.attempt !== position.attempt || !isNextEventId(before, id)) return false;
    if (isTerminalType(type) && place < events.length - 1) return false;
    before = id;
  }
  return true;
}
