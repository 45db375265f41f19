/**
 * Reads pages of history, each for all who want the same one. When a network comes back, the readers of an answer stand at
 * the same place: what one of them has to be sent, all of them have.
 */
import { type EventId, formatEventId } from '@holdfast/shared/protocol/event-id.ts';
import type { LogPage, RunLogReader } from '@holdfast/shared/run-log/run-log.ts';
import type { Gate } from './gate.ts';

export type ReadPage = (runId: string, position: EventId | null, limit: number) => Promise<LogPage>;

/**
 * Nobody gets a page whose read began before they asked for it: it could lack an event that they will not be offered
 * either. So a read can be joined while it waits for the gate, and at most to the end of the microtasks that asked for it.
 */
export function createPageReader(runLog: Pick<RunLogReader, 'read'>, gate: Gate): ReadPage {
  const waiting = new Map<string, Promise<LogPage>>();

  return (runId, position, limit) => {
    const key = `${runId} ${position ? formatEventId(position) : ''} ${limit}`;
    const known = waiting.get(key);
    if (known) return known;
    const page = gate(async () => {
      // Those who were woken together ask one after the other.
      await Promise.resolve();
      waiting.delete(key);
      return runLog.read(runId, position, limit);
    });
    waiting.set(key, page);
    return page;
  };
}
