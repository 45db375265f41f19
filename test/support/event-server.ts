/** An HTTP server that plays one event stream in the words of a test: for tests of reading clients. */
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** Answers one request. `cursor`: Last-Event-ID, else the query's `cursor`, else null. */
export type EventHandler = (
  cursor: string | null,
  response: http.ServerResponse,
  request: http.IncomingMessage,
) => void;

export interface EventServer {
  /** Its origin. */
  readonly base: string;
  /** Answers every request from now on. */
  handle: EventHandler;
  stop(): Promise<void>;
}

/** Starts the server on a free port of the loopback interface; it answers 404 until it is told better. */
export async function startEventServer(): Promise<EventServer> {
  const server = http.createServer((request, response) => {
    const query = new URL(request.url ?? '', 'http://test').searchParams.get('cursor');
    const header = request.headers['last-event-id'];
    eventServer.handle(typeof header === 'string' ? header : query, response, request);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const eventServer: EventServer = {
    base: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    handle: (_, response) => response.writeHead(404).end(),
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return eventServer;
}

/** Begins an event stream. */
export function openEvents(response: http.ServerResponse): http.ServerResponse {
  return response.writeHead(200, { 'content-type': 'text/event-stream' });
}

/** One event as it stands on the wire. */
export function eventFrame(id: string, event: string, data: unknown): string {
  return `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** A delta as it stands on the wire. */
export function deltaFrame(id: string, text: string): string {
  return eventFrame(id, 'delta', { text });
}
