/**
 * Reads the server-sent events of an answer from the socket's stream. What arrives in one piece, or before the reader comes
 * for more, is handed over as one chunk: a busy worker has less to do for each token, an idle one gets each at once.
 */
import type { IncomingMessage } from 'node:http';
import { createParser } from 'eventsource-parser';
import { type UpstreamChunk, UpstreamError } from './upstream.ts';

/** No provider sends an event of this length; a line without an end would otherwise fill the memory. In UTF-16 units. */
export const eventCharsMax = 4 * 1_024 * 1_024;

/** A reader that does not come for more stops the socket after so much text. In UTF-16 units. */
const unreadCharsMax = 256 * 1_024;

/**
 * A chunk is counted against its user's tokens as a whole: one with all that came while the store was asked for more would
 * go far beyond the limit. In UTF-16 units; about a hundred tokens.
 */
const mergedCharsMax = 512;

/** The end of the connection follows the end of the answer at once, or the connection is not worth waiting for. */
const lastBytesMs = 1_000;

/** One event as it stands in the stream. */
export interface SentEvent {
  readonly event?: string | undefined;
  readonly data: string;
}

/**
 * Chunks until `decode` returns null, which is the end of the answer, or the body ends. Throws what `decode` throws, the
 * error of a body that broke off, and UpstreamError (upstream_invalid) for an event without end and a body without events.
 * A reader that leaves early closes the connection.
 */
export async function* readEvents(
  body: IncomingMessage,
  decode: (event: SentEvent) => UpstreamChunk | null,
): AsyncGenerator<UpstreamChunk> {
  const unread: UpstreamChunk[] = [];
  let unreadChars = 0;
  let ended: { readonly error: unknown } | null = null;
  let complete = false;
  let events = 0;
  let wake: (() => void) | null = null;

  function end(error: unknown): void {
    ended ??= { error };
    body.off('data', feed);
    wake?.();
  }

  const parser = createParser({
    maxBufferSize: eventCharsMax,
    onEvent(event) {
      if (ended) return;
      events += 1;
      try {
        const chunk = decode(event);
        if (chunk) keep(chunk);
        else {
          complete = true;
          end(null);
        }
      } catch (error) {
        end(error);
      }
    },
    onError(error) {
      // Of unknown fields and the like the standard says: ignore.
      if (error.type === 'max-buffer-size-exceeded') end(invalid(error));
    },
  });
  function feed(text: string): void {
    parser.feed(text);
    if (unread.length === 0) return;
    if (unreadChars > unreadCharsMax) body.pause();
    wake?.();
  }
  function keep(chunk: UpstreamChunk): void {
    const chars = chunk.text?.length ?? 0;
    const last = unread.at(-1);
    unreadChars += chars;
    if (last && (last.text?.length ?? 0) + chars <= mergedCharsMax)
      unread[unread.length - 1] = merge(last, chunk);
    else unread.push(chunk);
  }

  body.setEncoding('utf8');
  body.on('data', feed);
  body.once('end', () => end(events === 0 ? invalid(new Error('a body without events')) : null));
  // Stays: a connection that breaks after the end must not end the process.
  body.on('error', end);
  body.once('close', () => end(new Error('the connection was closed')));
  try {
    for (;;) {
      if (unread.length === 0 && ended === null) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = null;
      }
      // What came before the end belongs to the answer, also when the end is an error.
      const chunk = take();
      if (chunk) yield chunk;
      else if (ended) break;
    }
    throwIfFailed();
  } finally {
    if (complete) leave(body);
    else body.destroy();
  }

  // In functions of their own, since the compiler takes what only callbacks change for unchanged.
  function take(): UpstreamChunk | undefined {
    const chunk = unread.shift();
    unreadChars -= chunk?.text?.length ?? 0;
    if (unreadChars <= unreadCharsMax && body.isPaused()) body.resume();
    return chunk;
  }
  function throwIfFailed(): void {
    if (ended?.error) throw ended.error;
  }
}

const invalid = (cause: unknown): UpstreamError =>
  new UpstreamError('upstream_invalid', { retryable: true, cause });

function merge(first: UpstreamChunk, next: UpstreamChunk): UpstreamChunk {
  if (first.text === undefined || next.text === undefined) return { ...first, ...next };
  return { ...first, ...next, text: first.text + next.text };
}

/** Lets the connection come to its end, so that the next answer can use it. */
function leave(body: IncomingMessage): void {
  if (body.readableEnded) return;
  const timer = setTimeout(() => body.destroy(), lastBytesMs);
  timer.unref();
  body.once('close', () => clearTimeout(timer));
  body.resume();
}
