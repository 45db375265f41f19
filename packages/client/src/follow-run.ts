/**
 * Follows one run over any number of connections. Its states:
 *
 * connecting    the first request is under way
 * live          the server has answered; events or heartbeats come
 * reconnecting  the connection ended without a terminal event; it waits, then resumes from its cursor
 */
import { isTerminalType } from '@holdfast/shared/protocol/run-event.ts';
import { type Backoff, createBackoff, pause } from './backoff.ts';
import { createConnection } from './connection.ts';
import { placeOf, type ReceivedEvent, readEvent } from './received-event.ts';
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
 * The events of a run, each once and in order, up to and including the terminal event; then the iteration ends. It
 * also ends when the server says that nothing follows the cursor (204).
 *
 * Whatever cuts a connection, it resumes from the cursor by the Last-Event-ID header, for ever, waiting longer each
 * time until a new event comes. The page coming back on line or into sight ends a wait at once, unless the server
 * asked for it by Retry-After.
 *
 * @param url the run's `eventsUrl`
 * @throws ProblemError when the server refuses in a way that waiting cannot mend (4xx but 408, 425, 429)
 */
export async function* followRun(
  url: string,
  options: FollowOptions = {},
): AsyncGenerator<ReceivedEvent, void, undefined> {
  const { signal, backoff = createBackoff() } = options;
  const send: typeof fetch = options.fetch ?? ((input, init) => fetch(input, init));
  const silenceMsMax = (options.heartbeatMsMax ?? heartbeatMsDefault) * heartbeatsMissedMax;
  const reportState = createReporter(options.onState);
  let cursor = usableCursor(options.cursor);
  /** The cursor behind which a terminal event came with a hole before it. */
  let holeBehind: string | null = null;
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
        if (opening.kind === 'over') return;
        if (opening.kind === 'retry') retryAfterMs = opening.retryAfterMs;
        if (opening.kind === 'live') reportState('live');
        reading: for (let messages = await connection.next(); messages; messages = await connection.next()) {
          for (const message of messages) {
            const event = tryRead(message);
            if (event === 'damaged') break reading;
            const place = event && placeOf(cursor, event);
            if (!event || place === 'repeat') continue;
            const ends = isTerminalType(event.type);
            if (place === 'gap') {
              // Ask for the missing events. Should the end come again with the same hole, it is accepted: the
              // message is whole in history, and to ask again for ever would hide it.
              const insists = ends && holeBehind === cursor;
              if (ends) holeBehind = cursor;
              if (!insists) break reading;
            }
            cursor = event.id;
            backoff.reset();
            yield event;
            if (ends) return;
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

/** Damaged data is treated as a damaged connection: the server has the event, undamaged, behind our cursor. */
function tryRead(message: Parameters<typeof readEvent>[0]): ReceivedEvent | null | 'damaged' {
  try {
    return readEvent(message);
  } catch {
    return 'damaged';
  }
}

/** What cannot stand in a header field would make every fetch fail, for ever; without a cursor all is replayed. */
function usableCursor(cursor: string | null | undefined): string | null {
  return cursor && /^[\x21-\x7e]{1,128}$/.test(cursor) ? cursor : null;
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
