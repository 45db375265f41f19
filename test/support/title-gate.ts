/**
 * A provider in front of the stand-in that holds requests for titles back until it is told to let them go: what may
 * happen while a title is being written happens in the moment that matters instead of by chance.
 */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export interface TitleGate {
  /** What OPENAI_BASE_URL has to be. */
  readonly url: string;
  /** Requests for titles so far. */
  asked(): number;
  /** Those that wait now. */
  waiting(): number;
  /** From now on titles wait, until the function that it returns is called. */
  hold(): () => void;
  stop(): Promise<void>;
}

const pollMs = 10;

/** Starts the gate. `upstreamUrl`: as the stand-in names it, `http://…/v1`. */
export async function startTitleGate(upstreamUrl: string): Promise<TitleGate> {
  const origin = new URL(upstreamUrl).origin;
  let closed = false;
  let asked = 0;
  let waiting = 0;

  async function pass(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    const body = Buffer.concat(await request.toArray());
    if (body.includes('You write the title of a conversation')) {
      asked += 1;
      waiting += 1;
      while (closed && !gone.signal.aborted) await sleep(pollMs);
      waiting -= 1;
    }
    const reply = await fetch(`${origin}${request.url}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: request.headers.authorization ?? '' },
      body,
      signal: gone.signal,
    });
    response.writeHead(reply.status, { 'content-type': reply.headers.get('content-type') ?? '' });
    for await (const chunk of reply.body ?? []) response.write(chunk);
    response.end();
  }

  const server = http.createServer((request, response) => {
    pass(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
    asked: () => asked,
    waiting: () => waiting,
    hold() {
      closed = true;
      return () => {
        closed = false;
      };
    },
    async stop() {
      closed = false;
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}
