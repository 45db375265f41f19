/**
 * One connection to an event stream: `open` once, then `next` until it is null, then `close`, always.
 * It knows nothing of resuming; whatever breaks it looks the same to its user: there is no next.
 */
import { parseRetryAfter } from './backoff.ts';
import { isRetryableStatus, type ProblemError, problemOf } from './errors.ts';
import { createSseParser, type SseMessage } from './sse-parser.ts';

/** A snapshot holds a whole answer in one event; beyond this no answer but a broken or hostile peer is plausible. */
const eventCharsMax = 16 * 1024 * 1024;

/** What the server answered: events will come, the run is over, or try again later. */
export type Opening =
  | { readonly kind: 'live' }
  | { readonly kind: 'over' }
  | {
      readonly kind: 'retry';
      readonly retryAfterMs: number | null;
      /** A limit is met: waiting only helps when some other connection ends. */
      readonly refusal?: ProblemError;
    };

export interface Connection {
  /** Sends the request. Throws ProblemError when trying again cannot help; no network failure rejects. */
  open(): Promise<Opening>;
  /** The messages that came in one piece (none for a comment), or null when the connection has ended. Never rejects. */
  next(): Promise<readonly SseMessage[] | null>;
  /** How long nothing has been heard, in milliseconds of the wall clock, which goes on while a machine sleeps. */
  silentMs(): number;
  /** Ends it, in any state, any number of times. A pending `open` or `next` then resolves. */
  close(): void;
}

export interface ConnectionOptions {
  readonly fetch: typeof fetch;
  /** Sent as Last-Event-ID. */
  readonly cursor: string | null;
  /** After so many milliseconds without a byte the connection counts as dead. */
  readonly silenceMsMax: number;
  /** Called with each `retry:` field, in milliseconds. */
  readonly onRetry: (ms: number) => void;
}

/** Makes a connection; nothing is sent before `open`. */
export function createConnection(url: string, options: ConnectionOptions): Connection {
  const { cursor, silenceMsMax, onRetry } = options;
  const controller = new AbortController();
  const decoder = new TextDecoder();
  const parser = createSseParser(eventCharsMax, onRetry);
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  let heardAtMs = Date.now();

  /** Waits for the network, but not longer than `silenceMsMax`: a half-open peer never says that it is gone. */
  async function heard<T>(sooner: Promise<T>): Promise<T> {
    heardAtMs = Date.now();
    const watchdog = setTimeout(() => controller.abort(), silenceMsMax);
    try {
      return await sooner;
    } finally {
      clearTimeout(watchdog);
      heardAtMs = Date.now();
    }
  }

  async function request(): Promise<Opening> {
    const headers: Record<string, string> = { accept: 'text/event-stream' };
    if (cursor !== null) headers['last-event-id'] = cursor;
    let response: Response;
    try {
      response = await heard(options.fetch(url, { headers, cache: 'no-store', signal: controller.signal }));
    } catch {
      return { kind: 'retry', retryAfterMs: null };
    }
    // WHATWG HTML, 9.2.1: "Clients will reconnect if the connection is closed; a client can be told to stop
    // reconnecting using the HTTP 204 No Content response code."
    if (response.status === 204) return { kind: 'over' };
    if (response.status >= 400 && !isRetryableStatus(response.status)) throw await heard(problemOf(response));
    if (response.status === 429) {
      const refusal = await heard(problemOf(response));
      const { retryAfterMs } = refusal;
      return { kind: 'retry', retryAfterMs, ...(refusal.code === 'too_many_connections' && { refusal }) };
    }
    const isEventStream = /^text\/event-stream\b/i.test(response.headers.get('content-type') ?? '');
    // Beyond the standard, which gives up here: a balancer answers 503, or 200 with a page, while we are deployed.
    if (response.status !== 200 || !isEventStream || !response.body) {
      return { kind: 'retry', retryAfterMs: parseRetryAfter(response.headers.get('retry-after')) };
    }
    reader = response.body.getReader();
    return { kind: 'live' };
  }

  return {
    open: request,
    async next() {
      if (!reader || parser.isDamaged) return null;
      try {
        const { done, value } = await heard(reader.read());
        // WHATWG HTML, 9.2.6: an event whose blank line has not come is discarded at the end of the stream.
        if (done) return null;
        return parser.feed(decoder.decode(value, { stream: true }));
      } catch {
        return null;
      }
    },
    silentMs: () => Date.now() - heardAtMs,
    close: () => controller.abort(),
  };
}
