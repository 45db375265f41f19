/** A real HTTP server for one test: answers by a function of the request and its number, and remembers what came. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export interface SeenRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface TestServer extends AsyncDisposable {
  readonly url: string;
  readonly seen: readonly SeenRequest[];
}

/** Calls `answer` with each request's response and its number, from 0. Disposing cuts every connection. */
export async function serve(
  answer: (response: ServerResponse, number: number, request: SeenRequest) => void,
): Promise<TestServer> {
  const seen: SeenRequest[] = [];
  const server = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request;
    const record = { method, url, headers, body: await text(request) };
    answer(response, seen.push(record) - 1, record);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answers with a problem document. */
export function refuse(
  response: ServerResponse,
  status: number,
  code: string,
  headers: Record<string, string> = {},
  detail = 'No.',
): void {
  response
    .writeHead(status, { 'content-type': 'application/problem+json; charset=utf-8', ...headers })
    .end(JSON.stringify({ type: 't', title: 'Refused', status, code, detail, requestId: 'q' }));
}

/** Begins an event stream whose `retry:` lets a test go on at once. */
export function beginEvents(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  response.write('retry: 0\n\n');
}

/** One event as it stands on the wire. */
export function frame(id: string, event: string, data: unknown): string {
  return `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

export const started = frame('1-0', 'started', { runId: 'r', model: 'm' });
export const delta = (seq: number, words: string) => frame(`1-${seq}`, 'delta', { text: words });
export const completed = (seq: number) =>
  frame(`1-${seq}`, 'completed', { messageId: 'answer', finishReason: 'stop', usage: null });

/** What each request, in its order, sent as Last-Event-ID. */
export const cursorsOf = (seen: readonly SeenRequest[]) => seen.map((one) => one.headers['last-event-id']);
