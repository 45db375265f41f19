/**
 * Frames as chunks of HTTP/1.1 (RFC 9112, 7.1), made here: `response.write` hands each chunk to the socket in four pieces,
 * holds the socket until the next tick, and does so for every reader anew. A chunk that is made once is one buffer and one
 * write, however many people read it.
 */
import type { ServerResponse } from 'node:http';

let lastBytes: Buffer | undefined;
let lastChunk: Buffer | undefined;

function chunkOf(bytes: Buffer): Buffer {
  if (bytes !== lastBytes || lastChunk === undefined) {
    const size = bytes.byteLength.toString(16);
    const chunk = Buffer.allocUnsafe(size.length + 2 + bytes.byteLength + 2);
    chunk.write(size, 0, 'latin1');
    chunk.write('\r\n', size.length, 'latin1');
    bytes.copy(chunk, size.length + 2);
    chunk.write('\r\n', chunk.byteLength - 2, 'latin1');
    lastBytes = bytes;
    lastChunk = chunk;
  }
  return lastChunk;
}

/**
 * Writes to a response whose head is written. `response.write` does the first time, when the head goes out with it, and
 * whatever is no chunked response with a socket of its own: HTTP/1.0, and a request that was pipelined behind another.
 */
export function writeChunk(response: ServerResponse, bytes: Buffer, isFirst: boolean): void {
  const { socket } = response;
  if (isFirst || !socket || !response.chunkedEncoding) response.write(bytes);
  else socket.write(chunkOf(bytes));
}
