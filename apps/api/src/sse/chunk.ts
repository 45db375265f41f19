/**
 * Frames as chunks of HTTP/1.1 (RFC 9112, 7.1), made here: `response.write` hands each chunk to the socket in four pieces,
 * holds the socket until the next tick, and does so for every reader anew. A chunk that is made once is one buffer and one
 * write, however many people read it.
 */
import type { ServerResponse } from 'node:http';

let lastFrame: Buffer | undefined;
let lastChunk: Buffer | undefined;

/** One chunk with all these frames, which have so many bytes together; each is copied once. */
function makeChunk(frames: readonly Buffer[], bytes: number): Buffer {
  const size = bytes.toString(16);
  const chunk = Buffer.allocUnsafe(size.length + 2 + bytes + 2);
  let at = chunk.write(`${size}\r\n`, 0, 'latin1');
  for (const frame of frames) at += frame.copy(chunk, at);
  chunk.write('\r\n', at, 'latin1');
  return chunk;
}

function chunkOf(frames: readonly Buffer[], bytes: number): Buffer {
  const [only] = frames;
  if (only === undefined || frames.length > 1) return makeChunk(frames, bytes);
  if (only !== lastFrame || lastChunk === undefined) {
    lastFrame = only;
    lastChunk = makeChunk(frames, bytes);
  }
  return lastChunk;
}

/**
 * Writes frames, of so many bytes together, to a response whose head is written. `response.write` does the first time, when
 * the head goes out with it, and whatever is no chunked response with a socket of its own: HTTP/1.0, and a request that was
 * pipelined behind another.
 */
export function writeFrames(
  response: ServerResponse,
  frames: readonly Buffer[],
  bytes: number,
  isFirst: boolean,
): void {
  const { socket } = response;
  if (isFirst || !socket || !response.chunkedEncoding) response.write(Buffer.concat(frames, bytes));
  else socket.write(chunkOf(frames, bytes));
  // The head leaves with the end of this tick.
  if (isFirst) process.nextTick(forgetHead, response);
}

/**
 * Node keeps the head that it has sent, in the seventy pieces that it was put together from, 2.5 KB for as long as the
 * connection is open; of it, only whether there is one is looked at again.
 */
function forgetHead(response: ServerResponse): void {
  const isSent =
    Reflect.get(response, '_headerSent') === true && typeof Reflect.get(response, '_header') === 'string';
  if (isSent) Reflect.set(response, '_header', 'sent');
}
