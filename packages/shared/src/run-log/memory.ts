import { compareEventIds, type EventId, formatEventId } from '../protocol/event-id.ts';
import { isTerminalType, type LoggedEvent } from '../protocol/run-event.ts';
import {
  type LogHead,
  type RunLogFeed,
  type RunLogFeedHandlers,
  type RunLogReader,
  RunLogUnavailableError,
  type RunLogWriter,
} from './run-log.ts';

interface MemoryLog {
  attempt: number;
  seq: number;
  closed: boolean;
  cancelRequested: boolean;
  readonly events: LoggedEvent[];
}

export interface MemoryRunLog extends RunLogWriter, RunLogReader {
  /** A feed of this log, as one API process would have it. */
  feed(handlers: RunLogFeedHandlers): RunLogFeed;
  /** Forgets a log, as Redis does after a FLUSHALL or an expiry. */
  lose(runId: string): void;
  /** Forgets all events after `seq`, as a failover to a replica that lags behind does. */
  truncate(runId: string, seq: number): void;
}

/**
 * The run log in memory: the same contract as the one in Redis, for models and tests that need every interleaving. It
 * is never used in production, where a log must outlive its process.
 */
export function createMemoryRunLog(): MemoryRunLog {
  const logs = new Map<string, MemoryLog>();
  const feeds = new Set<{ handlers: RunLogFeedHandlers; runIds: Set<string> }>();

  function logOf(runId: string): MemoryLog {
    let log = logs.get(runId);
    if (!log) {
      log = { attempt: 0, seq: 0, closed: false, cancelRequested: false, events: [] };
      logs.set(runId, log);
    }
    return log;
  }

  function write(runId: string, log: MemoryLog, event: LoggedEvent): void {
    log.events.push(event);
    for (const { handlers, runIds } of feeds) if (runIds.has(runId)) handlers.onEvent(runId, event);
  }

  function headOf(log: MemoryLog | undefined): LogHead | null {
    if (!log || log.attempt === 0) return null;
    return { id: { attempt: log.attempt, seq: log.seq }, closed: log.closed };
  }

  return {
    async open(runId, attempt, opening) {
      const log = logOf(runId);
      if (log.attempt > attempt) return 'fenced';
      if (log.closed) return 'closed';
      if (log.attempt === attempt) return 'opened';
      log.attempt = attempt;
      log.seq = 0;
      write(runId, log, { id: { attempt, seq: 0 }, ...opening });
      return 'opened';
    },

    async append(runId, attempt, firstSeq, events) {
      const log = logOf(runId);
      if (log.attempt > attempt) return { status: 'fenced' };
      if (log.attempt < attempt) return { status: 'absent' };
      const last = firstSeq + events.length - 1;
      if (last > log.seq) {
        if (log.closed) return { status: 'closed' };
        if (firstSeq > log.seq + 1) return { status: 'gap', lastSeq: log.seq };
        for (const event of events.slice(log.seq + 1 - firstSeq)) {
          log.seq += 1;
          log.closed = isTerminalType(event.type);
          write(runId, log, { id: { attempt, seq: log.seq }, ...event });
        }
      }
      return { status: 'appended', cancelRequested: log.cancelRequested };
    },

    async requestCancel(runId) {
      logOf(runId).cancelRequested = true;
    },

    async read(runId, cursor, limit) {
      // As Redis does.
      if (!Number.isInteger(limit)) throw new RunLogUnavailableError('value is not an integer');
      const log = logs.get(runId);
      const head = headOf(log);
      if (!log || !head) return { head: null, events: [] };
      const opening: EventId = { attempt: head.id.attempt, seq: 0 };
      const follows =
        cursor && cursor.attempt >= head.id.attempt
          ? (event: LoggedEvent) => compareEventIds(event.id, cursor) > 0
          : (event: LoggedEvent) => compareEventIds(event.id, opening) >= 0;
      return { head, events: log.events.filter(follows).slice(0, limit) };
    },

    async heads(runIds) {
      return runIds.map((runId) => headOf(logs.get(runId)));
    },

    feed(handlers) {
      const feed = { handlers, runIds: new Set<string>() };
      feeds.add(feed);
      return {
        async listen(runId) {
          feed.runIds.add(runId);
        },
        unlisten(runId) {
          feed.runIds.delete(runId);
        },
      };
    },

    lose(runId) {
      logs.delete(runId);
    },

    truncate(runId, seq) {
      const log = logOf(runId);
      const last: EventId = { attempt: log.attempt, seq };
      const kept = log.events.filter((event) => compareEventIds(event.id, last) <= 0);
      if (!kept.some((event) => formatEventId(event.id) === formatEventId(last)))
        throw new Error('no such event');
      log.events.splice(0, log.events.length, ...kept);
      log.seq = seq;
      log.closed = false;
    },
  };
}
