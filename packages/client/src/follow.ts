/**
 * Follows an event stream over any number of connections. Its states:
 *
 * connecting    the first request is under way
 * live          the server has answered; events or heartbeats come
 * reconnecting  the connection ended; it waits, then resumes from its cursor
 *
 * What the messages mean is decided by who uses it: see follow-run.ts and follow-events.ts.
 */
import { type Backoff, createBackoff, pause } from './backoff.ts';
import { createConnection } from './connection.ts';
import type { SseMessage } from './sse-parser.ts';
import { listenForWake, type WakeReason } from './wake.ts';

/** docs/PROTOCOL.md, section 2: a heartbeat comes "at the latest 15 s after the last byte". */
const heartbeatMsDefault = 15_000;

/** "A client that hears nothing for twice as long SHOULD drop the connection and resume." */
const heartbeatsMissedMax = 2;

export type FollowState = 'connecting' | 'live' | 'reconnecting';

export interface FollowOptions {
  /** The id of the last event that was applied before: begin after it. */
  readonly cursor?: string | null | undefined;
  /** Ends the following; the iteration then throws the signal's reason. It does not stop the run. */
  readonly signal?: AbortSignal | undefined;
  /** Sends the requests; wrap it to add credentials. Default: the platform's. */
  readonly fetch?: typeof fetch | undefined;
  /** The longest time between two bytes that the server promises, in milliseconds; silent for twice as long is dead. */
  readonly heartbeatMsMax?: number | undefined;
  /** Default: 1 s, growing to 10 s, jittered. */
  readonly backoff?: Backoff | undefined;
  /** Told of each change of state. */
  readonly onState?: ((state: FollowState) => void) | undefined;
}

/**
 * What a message is to its reader.
 *
 * ignore     nothing
 * reconnect  damaged, or something before it is missing: the server has it, behind the cursor
 * event      an event, with the cursor behind it; `isNew`: something came that was not there before, so that the next wait
 *            is a first one again; `ends`: nothing follows
 */
export type Taken<E> =
  | { readonly kind: 'ignore' | 'reconnect' }
  | {
      readonly kind: 'event';
      readonly event: E;
      readonly cursor: string | null;
      readonly isNew: boolean;
      readonly ends: boolean;
    };

/**
 * The events that `take` makes of the messages at `url`, until one of them ends it or the server says that nothing
 * follows (204). Whatever cuts a connection, it resumes from the cursor by the Last-Event-ID header, for ever, waiting
 * longer each time until a new event comes. The page coming back on line or into sight ends a wait at once, unless the
 * server asked for it by Retry-After.
 *
 * @param isEndless there is no such end: something between has answered instead of the server
 * @throws ProblemError when the server refuses in a way that waiting cannot mend: 4xx but 408, 425 and 429, and
 *   `too_many_connections` before the first connection
 */
export async function* followStream<E>(
  url: string,
  options: FollowOptions,
  take: (message: SseMessage, cursor: string | null) => Taken<E>,
  isEndless = false,
): AsyncGenerator<E, void, undefined> {
  const { signal, backoff = createBackoff() } = options;
  const send: typeof fetch = options.fetch ?? ((input, init) => fetch(input, init));
  const silenceMsMax = (options.heartbeatMsMax ?? heartbeatMsDefault) * heartbeatsMissedMax;
  const reportState = createReporter(options.onState);
  let cursor = usableCursor(options.cursor);
  let wasLive = false;
  let onWake: (reason: WakeReason) => void = () => {};
  const stopListening = listenForWake((reason) => onWake(reason));
  reportState('connecting');
  try {
    for (;;) {
      signal?.throwIfAborted();
      const connection = createConnection(url, {
        fetch: send,
        cursor,
        silenceMsMax,
        onRetry: (ms) => backoff.retry(ms),
      });
      let hurry = false;
      onWake = (reason) => {
        if (reason === 'shown' && connection.silentMs() <= silenceMsMax) return;
        hurry = true;
        connection.close();
      };
      signal?.addEventListener('abort', connection.close);
      let retryAfterMs: number | null = null;
      try {
        const opening = await connection.open();
        if (opening.kind === 'over' && !isEndless) return;
        if (opening.kind === 'live') {
          wasLive = true;
          reportState('live');
        } else if (opening.kind === 'retry') {
          retryAfterMs = opening.retryAfterMs;
          // Later on, what takes up its place may be its own last connection, of which the server does not know yet
          // that it is gone.
          if (opening.refusal && !wasLive) throw opening.refusal;
        }
        reading: for (let messages = await connection.next(); messages; messages = await connection.next()) {
          for (const message of messages) {
            const taken = take(message, cursor);
            if (taken.kind === 'reconnect') break reading;
            if (taken.kind !== 'event') continue;
            cursor = taken.cursor;
            if (taken.isNew) backoff.reset();
            yield taken.event;
            if (taken.ends) return;
          }
        }
      } finally {
        signal?.removeEventListener('abort', connection.close);
        connection.close();
      }
      signal?.throwIfAborted();
      reportState('reconnecting');
      if (hurry) continue;
      const waiting = new AbortController();
      const cutShort = () => waiting.abort();
      // A page that is brought to the front again and again must not become a way around Retry-After.
      onWake = retryAfterMs === null ? cutShort : () => {};
      signal?.addEventListener('abort', cutShort);
      await pause(backoff.next(retryAfterMs), waiting.signal);
      signal?.removeEventListener('abort', cutShort);
    }
  } finally {
    stopListening();
  }
}

/** What cannot stand in a header field would make every fetch fail, for ever; it is as good as none. */
function usableCursor(cursor: string | null | undefined): string | null {
  return cursor && /^[\x21-\x7e]{1,2000}$/.test(cursor) ? cursor : null;
}

/** Passes on changes only. */
function createReporter(onState: ((state: FollowState) => void) | undefined): (state: FollowState) => void {
  let last: FollowState | undefined;
  return (state) => {
    if (state === last) return;
    last = state;
    onState?.(state);
  };
}
