/**
 * HTTP as bytes on a socket, for requests that no HTTP client would send. A connection for each request; what comes back
 * is taken as it is.
 */
import net from 'node:net';
import { testUser } from './test-user.ts';

export interface RawRequest {
  readonly method?: string;
  readonly path: string;
  /** Sent in this order, repeats included. `Host`, `Content-Length` and the test user's
   * `Authorization` are added unless they are here. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: string | Buffer;
}

export interface RawReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** At least what Content-Length names; of an endless body what `until` needed. */
  readonly body: string;
}

/** Longer than the server's own limits for slow requests. */
const replyMsMax = 40_000;

/** Writes a request head and body. Strings are sent as latin1 in the head, so that any byte can be put there. */
export function requestBytes(base: string, request: RawRequest): Buffer {
  const { method = 'GET', path, headers = [], body } = request;
  const names = new Set(headers.map(([name]) => name.toLowerCase()));
  const lines = [`${method} ${path} HTTP/1.1`];
  if (!names.has('host')) lines.push(`Host: ${new URL(base).host}`);
  if (!names.has('authorization')) lines.push(`Authorization: ${testUser.headers.authorization}`);
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  const chunked = names.has('transfer-encoding');
  if (body !== undefined && !chunked && !names.has('content-length')) {
    lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
  }
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), Buffer.from(body ?? '')]);
}

export interface ExchangeOptions {
  /** Ends our side (FIN) after the bytes. */
  readonly half?: boolean;
  /** For a body without an end: enough once this is in it. */
  readonly until?: string;
}

/**
 * Sends bytes and resolves with the first reply, or null when the server closes without one. Rejects when neither comes.
 */
export async function exchange(
  base: string,
  bytes: Buffer | string,
  { half = false, until }: ExchangeOptions = {},
): Promise<RawReply | null> {
  const { hostname, port } = new URL(base);
  const socket = net.connect({ host: hostname, port: Number(port), allowHalfOpen: half });
  let received = Buffer.alloc(0);
  try {
    return await new Promise<RawReply | null>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no reply, and no end of the connection')), replyMsMax);
      const settle = (closed: boolean) => {
        const reply = parseReply(received);
        const enough =
          reply && (until === undefined ? reply.complete : reply.complete || reply.body.includes(until));
        if (!enough && !closed) return;
        clearTimeout(timer);
        resolve(reply);
      };
      socket.on('data', (chunk: Buffer) => {
        received = Buffer.concat([received, chunk]);
        settle(false);
      });
      socket.once('close', () => settle(true));
      socket.once('end', () => settle(true));
      // A reset after the reply is the server's right; before it, `close` follows and there is no reply.
      socket.on('error', () => {});
      socket.write(bytes);
      if (half) socket.end();
    });
  } finally {
    socket.destroy();
  }
}

/** One request as it should be written, or as it should not. */
export function sendRaw(
  base: string,
  request: RawRequest,
  options?: ExchangeOptions,
): Promise<RawReply | null> {
  return exchange(base, requestBytes(base, request), options);
}

const endOfChunks = Buffer.from('0\r\n\r\n');
const continueHead = 'HTTP/1.1 100 Continue\r\n\r\n';

function parseReply(all: Buffer): (RawReply & { complete: boolean }) | null {
  // "100 Continue" is no answer; that comes after it.
  const continues = all.subarray(0, continueHead.length).toString('latin1') === continueHead;
  const bytes = continues ? all.subarray(continueHead.length) : all;
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return null;
  const [statusLine = '', ...lines] = bytes.subarray(0, headEnd).toString('latin1').split('\r\n');
  const status = Number(statusLine.split(' ')[1]);
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const body = bytes.subarray(headEnd + 4);
  const length = status === 204 || status === 304 ? 0 : Number(headers['content-length'] ?? Infinity);
  const lastChunk = headers['transfer-encoding'] === 'chunked' && body.subarray(-5).equals(endOfChunks);
  return { status, headers, body: body.toString(), complete: lastChunk || body.length >= length };
}
