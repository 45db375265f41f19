/** What all event streams have in common: how a request becomes an open connection. */
import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http';
import { AppError } from '@holdfast/shared/errors.ts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Connection } from '../sse/connection.ts';
import type { Services } from './services.ts';

/**
 * `no-transform` and `X-Accel-Buffering` keep proxies from collecting events to compress or to forward in bulk (nginx
 * with its defaults delivers the first event after the last one).
 */
const eventStreamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

/** Takes a place for one more connection. Throws `overloaded`, `too_many_connections`. */
export async function admitConnection(
  { connections, eventConnectionLimit }: Pick<Services, 'connections' | 'eventConnectionLimit'>,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  if (connections.atLimit) {
    throw new AppError('overloaded', {
      detail: 'This process has as many event connections as it may have. Try again; another one may answer.',
      retryAfterSeconds: 1,
    });
  }
  await eventConnectionLimit.admit(request, reply);
}

/**
 * Writes the head of an event stream (WHATWG HTML, section 9.2) and opens the connection. `onClose` is called once, whoever
 * ends it. Null: the reader is gone already, and nothing must be opened for it.
 */
export function openEventStream(
  { connections }: Pick<Services, 'connections'>,
  reply: FastifyReply,
  onClose: () => void,
  extraHeaders: Readonly<Record<string, string>> = {},
): Connection | null {
  reply.hijack();
  // Gone while we asked the database: its `close` has been, so nothing would ever free what is opened now.
  if (reply.raw.destroyed) return null;
  // First the content type: over plain HTTP, Chromium takes a head that was cut off for a whole one, and an
  // EventSource without its content type gives up for ever. Then what plugins have set (CORS, request id, security).
  const headers = { ...eventStreamHeaders, ...reply.getHeaders(), ...eventStreamHeaders, ...extraHeaders };
  for (const name of reply.raw.getHeaderNames()) reply.raw.removeHeader(name);
  // All at once: what is set one by one, the response keeps for as long as it is open.
  reply.raw.writeHead(200, withoutGaps(headers));
  forgetHeaders(reply.request.raw);
  return connections.open(reply.raw, onClose);
}

function withoutGaps(headers: Readonly<Record<string, OutgoingHttpHeader | undefined>>): OutgoingHttpHeaders {
  const given: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) given[name] = value;
  return given;
}

/** Nobody asks for them any more, and browsers send kilobytes of them, which would live as long as the connection. */
function forgetHeaders(request: IncomingMessage): void {
  request.headers = {};
  request.rawHeaders = [];
}
