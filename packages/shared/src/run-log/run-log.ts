/**
 * The run log: the append-only record of one run's events, kept in Redis while the run lives and for a set time after.
 * Postgres is the truth; a log can be rebuilt by the worker that holds the run, and readers go on without it once the
 * run has ended.
 *
 * absent   nothing was written yet, or it expired, or Redis lost it
 * open     one attempt owns it and appends; the number of that attempt is the fence
 * closed   the terminal event is its last entry; nothing is ever appended again
 */
import type { EventId } from '../protocol/event-id.ts';
import type { LoggedEvent, RunEventType } from '../protocol/run-event.ts';

/** An event whose place is still to be given; `json` is its encoded data. */
export interface UnplacedEvent {
  readonly type: RunEventType;
  readonly json: string;
}

/** How far a log has come: its newest entry, and whether that is the terminal event. */
export interface LogHead {
  readonly id: EventId;
  readonly closed: boolean;
}

/**
 * `fenced`: a later attempt owns the log; the caller has lost the run and must stop. `closed`: the log has its end.
 */
export type OpenResult = 'opened' | 'fenced' | 'closed';

/**
 * appended  the events are in the log, now or since an earlier try; `cancelRequested`: somebody wants the run stopped
 * fenced    a later attempt owns the log; the caller must stop
 * closed    the log has its terminal event and these are not part of it
 * gap       Redis lost what came after `lastSeq`; the caller must append from `lastSeq + 1`
 * absent    Redis lost the log, or this attempt's opening; the caller must open it again and append from 1
 */
export type AppendResult =
  | { readonly status: 'appended'; readonly cancelRequested: boolean }
  | { readonly status: 'fenced' | 'closed' | 'absent' }
  | { readonly status: 'gap'; readonly lastSeq: number };

/** One page of history. `head` is null when the log is absent. Events follow the position that was asked for. */
export interface LogPage {
  readonly head: LogHead | null;
  readonly events: readonly LoggedEvent[];
}

export interface RunLogWriter {
  /**
   * Moves the fence up to `attempt`, never down, and writes its opening event at `<attempt>-0`. Repeating it is harmless.
   */
  open(runId: string, attempt: number, opening: UnplacedEvent): Promise<OpenResult>;
  /**
   * Appends events at the places `firstSeq`, `firstSeq + 1`, … of `attempt`: all of them or none, and those that are
   * there already are skipped, so a repeat after a lost reply is harmless. A terminal event closes the log and starts
   * its retention time.
   */
  append(
    runId: string,
    attempt: number,
    firstSeq: number,
    events: readonly UnplacedEvent[],
  ): Promise<AppendResult>;
  /** Leaves word for whoever appends next, and nudges every worker. A lost nudge is made good by the next append. */
  requestCancel(runId: string): Promise<void>;
}

export interface RunLogReader {
  /**
   * Reads up to `limit` events after `cursor`, or from the beginning of the current attempt when it is null or lies in
   * an earlier attempt: what a dead attempt wrote is of no use to anybody.
   */
  read(runId: string, cursor: EventId | null, limit: number): Promise<LogPage>;
  /** The heads of many logs in one round trip, in the order asked for; null for a log that is absent. */
  heads(runIds: readonly string[]): Promise<(LogHead | null)[]>;
}

/** Live events of the logs that this process listens to. It may lose some; the log has them all. */
export interface RunLogFeed {
  /** Resolves when every event that is appended from now on will be offered, as long as the connection lives. */
  listen(runId: string): Promise<void>;
  unlisten(runId: string): void;
}

export interface RunLogFeedHandlers {
  onEvent(runId: string, event: LoggedEvent): void;
  /** Events may have been missed: compare with the log. */
  onInterruption(): void;
}

/** Thrown when Redis cannot be reached or answers no longer; the same call may succeed later. */
export class RunLogUnavailableError extends Error {
  override readonly name = 'RunLogUnavailableError';
}
