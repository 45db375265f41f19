/**
 * A `fetch` for the provider's SDK over node:http, as much of it as the SDK uses. What Node's own costs is the body: every
 * piece goes through two WHATWG streams. Here a successful body stays the stream of the socket, for `bodyOf`.
 *
 * Redirects are not followed: the key and the conversation would go to an address that nobody configured.
 */
import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';

/** What a provider says about an error is read so far; the rest cannot be a message to anybody. */
export const errorBodyBytesMax = 64 * 1_024;

/** More answers than a worker can be told to write at a time, with room for titles: a bound, not a queue. */
const socketsMax = 4_096;

/** Connections that are kept for the next answers: setting up TLS takes several round trips. */
const freeSocketsMax = 256;

/** A kept connection is closed after so long, before most servers do: one that they just close costs an attempt. */
const freeSocketMs = 4_000;

/** Statuses that have no body by their definition (Fetch, 2.2.3). */
const nullBodyStatuses: readonly number[] = [204, 205, 304];

export interface LeanFetch {
  readonly fetch: (url: string | URL | Request, init?: RequestInit) => Promise<Response>;
  /** The body of a successful response of this `fetch`, to be read or destroyed by the caller; its own `body` is null. */
  bodyOf(response: Response): IncomingMessage;
}

/** Connections are kept and shared by all requests of one LeanFetch. */
export function createLeanFetch(): LeanFetch {
  const agentOptions = {
    keepAlive: true,
    maxSockets: socketsMax,
    maxFreeSockets: freeSocketsMax,
    timeout: freeSocketMs,
  };
  const clients = {
    'http:': { request: http.request, agent: new http.Agent(agentOptions) },
    'https:': { request: https.request, agent: new https.Agent(agentOptions) },
  };
  const bodies = new WeakMap<Response, IncomingMessage>();

  async function fetch(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    const url = new URL(input instanceof Request ? input.url : input);
    const client = clients[url.protocol as keyof typeof clients];
    if (!client) throw new TypeError(`cannot fetch ${url.protocol}`);
    if (typeof init.body !== 'string' && init.body !== undefined && init.body !== null)
      throw new TypeError('only text can be sent');
    const body = init.body ?? '';
    const headers = new Headers(init.headers);
    // A compressed answer would come in blocks instead of words.
    headers.set('accept-encoding', 'identity');
    headers.set('content-length', String(Buffer.byteLength(body)));
    const { signal } = init;
    signal?.throwIfAborted();

    return new Promise((resolve, reject) => {
      const request = client.request(url, {
        method: init.method ?? 'GET',
        headers: Object.fromEntries(headers),
        agent: client.agent,
      });
      const abort = () => request.destroy(signal?.reason as Error);
      signal?.addEventListener('abort', abort);
      // Stays for the life of the request: an error that nobody hears would end the process.
      request.on('error', reject);
      request.once('close', () => signal?.removeEventListener('abort', abort));
      request.once('response', (incoming) => {
        toResponse(incoming).then(resolve, (error: unknown) => {
          request.destroy();
          reject(error);
        });
      });
      request.end(body);
    });
  }

  async function toResponse(incoming: IncomingMessage): Promise<Response> {
    const { statusCode: status = 0, statusMessage: statusText = '' } = incoming;
    const headers = new Headers();
    for (const [name, value] of Object.entries(incoming.headersDistinct)) {
      for (const each of value ?? []) headers.append(name, each);
    }
    const init = { status, statusText, headers };
    if (status >= 200 && status < 300) {
      const response = new Response(null, init);
      bodies.set(response, incoming);
      return response;
    }
    const text = await readStart(incoming, errorBodyBytesMax);
    return new Response(nullBodyStatuses.includes(status) ? null : text, init);
  }

  return {
    fetch,
    bodyOf(response) {
      const body = bodies.get(response);
      if (!body) throw new Error('the response is not of this fetch, or has no success');
      return body;
    },
  };
}

/** The first bytes of a body as text; what comes after them is not read, and costs the connection. */
async function readStart(incoming: IncomingMessage, bytesMax: number): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of incoming as AsyncIterable<Buffer>) {
    parts.push(part);
    bytes += part.length;
    if (bytes >= bytesMax) break;
  }
  return Buffer.concat(parts).subarray(0, bytesMax).toString();
}
