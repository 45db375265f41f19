/**
 * Reads one event stream the way a hostile or unlucky client does: it can stop reading its socket, and vanish at any
 * byte. It does not reconnect; recorder.ts does.
 *
 * connecting → open (or refused: any status but 200)
 * → ended: `eof`, `cut` (by us), `aborted` (signal), `error` (by them)
 */
import http from 'node:http';
import { createParser } from 'eventsource-parser';
import { testUser } from './test-user.ts';

/** One thing that came, in order. `id` is the event's own id field; null when it had none. */
export type SseItem =
  | { readonly kind: 'event'; readonly id: string | null; readonly event: string; readonly data: string }
  | { readonly kind: 'comment'; readonly text: string }
  | { readonly kind: 'retry'; readonly ms: number };

export type SseEvent = Extract<SseItem, { kind: 'event' }>;

export type SseEnd = 'eof' | 'cut' | 'aborted' | 'error';

export interface OpenOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Vanish after this many bytes of the body; what is after them is not looked at. */
  readonly cutAfterBytes?: number;
}

export interface EventStream extends AsyncIterable<SseItem> {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  /** The body of an answer that is no event stream, at most 64 KiB; '' for one that is. */
  readonly body: string;
  /** Body bytes that were read so far. */
  bytes(): number;
  /** Longest time without a byte so far, in ms; times in which it did not read do not count. */
  silentMs(): number;
  /** Stops reading: the sender's buffers fill up. What was parsed before is still yielded. */
  stall(): void;
  resume(): void;
  /** Vanishes (the socket is destroyed), now or after so many further bytes of the body. */
  cut(afterBytes?: number): void;
  /** How it ended; resolves when it has. */
  readonly ended: Promise<SseEnd>;
}

/** Of an error page; enough for a problem document, and a wrong URL must not fill the memory. */
const bodyLengthMax = 64 * 1024;
/** Items that nobody fetched before the socket is no longer read: a test that looks away is a slow reader. */
const itemsMax = 10_000;

/**
 * Opens an event stream on a connection of its own. Resolves with the response, whatever its status; the items of an
 * answer other than 200 text/event-stream are none. Rejects when there is no response (the network's error, or the
 * signal's reason).
 */
export async function openEventStream(url: string, options: OpenOptions = {}): Promise<EventStream> {
  const { signal } = options;
  signal?.throwIfAborted();
  const request = http.get(url, {
    agent: false,
    headers: { ...testUser.headers, accept: 'text/event-stream', ...options.headers },
  });
  const onAbort = () => request.destroy(new Error('aborted'));
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      request.once('response', resolve);
      request.once('error', reject);
    });
    request.on('error', () => {}); // from here on the response tells
    const isStream =
      response.statusCode === 200 && /^text\/event-stream\b/.test(response.headers['content-type'] ?? '');
    if (isStream) return read(response, options, () => signal?.removeEventListener('abort', onAbort));
    const body = await readBody(response);
    signal?.removeEventListener('abort', onAbort);
    return refused(response, body);
  } catch (error) {
    signal?.removeEventListener('abort', onAbort);
    throw signal?.aborted ? signal.reason : error;
  }
}

function read(
  response: http.IncomingMessage,
  { signal, cutAfterBytes }: OpenOptions,
  release: () => void,
): EventStream {
  const items: SseItem[] = [];
  let wake: (() => void) | null = null;
  let bytes = 0;
  let cutAt = cutAfterBytes ?? Infinity;
  let stalled = false;
  let crowded = false;
  let end: SseEnd | null = null;
  let heardAt = performance.now();
  let silentMs = 0;
  const settled = Promise.withResolvers<SseEnd>();

  const push = (item: SseItem): void => {
    items.push(item);
    wake?.();
  };
  const parser = createParser({
    onEvent: ({ id, event, data }) =>
      push({ kind: 'event', id: id ?? null, event: event ?? 'message', data }),
    onComment: (text) => push({ kind: 'comment', text }),
    onRetry: (ms) => push({ kind: 'retry', ms }),
  });
  // A chunk may end in the middle of a character.
  const decoder = new TextDecoder();

  const hear = (): void => {
    const now = performance.now();
    if (!response.isPaused()) silentMs = Math.max(silentMs, now - heardAt);
    heardAt = now;
  };
  const finish = (how: SseEnd): void => {
    if (end !== null) return;
    hear();
    end = how;
    release();
    settled.resolve(how);
    wake?.();
  };
  const vanish = (): void => {
    if (end !== null) return;
    finish('cut');
    response.destroy();
  };
  /** A paused response lets its own buffer (64 KiB) fill up; then Node no longer reads the socket. */
  const applyFlow = (): void => {
    hear();
    if (stalled || crowded) response.pause();
    else response.resume();
  };

  response.on('data', (chunk: Buffer) => {
    if (end !== null) return;
    hear();
    const part = chunk.subarray(0, cutAt - bytes);
    bytes += part.length;
    parser.feed(decoder.decode(part, { stream: true }));
    if (bytes >= cutAt) vanish();
    else if (items.length > itemsMax && !crowded) {
      crowded = true;
      applyFlow();
    }
  });
  response.once('end', () => finish('eof'));
  response.on('error', () => finish(signal?.aborted ? 'aborted' : 'error'));
  response.once('close', () => finish(signal?.aborted ? 'aborted' : 'error'));
  if (cutAt === 0) vanish();

  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: '',
    bytes: () => bytes,
    silentMs: () => silentMs,
    stall() {
      stalled = true;
      applyFlow();
    },
    resume() {
      stalled = false;
      applyFlow();
    },
    cut(afterBytes = 0) {
      cutAt = Math.min(cutAt, bytes + afterBytes);
      if (afterBytes === 0) vanish();
    },
    ended: settled.promise,
    async *[Symbol.asyncIterator]() {
      try {
        for (;;) {
          const item = items.shift();
          if (item) {
            yield item;
            continue;
          }
          if (end !== null) return;
          if (crowded) {
            crowded = false;
            applyFlow();
          }
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          wake = null;
        }
      } finally {
        // Whoever leaves the loop early wants no more; a socket left open would keep the process alive.
        vanish();
      }
    },
  };
}

function refused(response: http.IncomingMessage, body: string): EventStream {
  const nothing = (): void => {};
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body,
    bytes: () => Buffer.byteLength(body),
    silentMs: () => 0,
    stall: nothing,
    resume: nothing,
    cut: nothing,
    ended: Promise.resolve('eof'),
    async *[Symbol.asyncIterator]() {},
  };
}

async function readBody(response: http.IncomingMessage): Promise<string> {
  response.setEncoding('utf8');
  let body = '';
  for await (const text of response as AsyncIterable<string>) {
    body += text;
    // Leaving the loop destroys the socket, which is what an endless error page deserves.
    if (body.length > bodyLengthMax) break;
  }
  return body.slice(0, bodyLengthMax);
}
