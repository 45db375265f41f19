/**
 * A model provider that speaks OpenAI's chat completions over real HTTP: answers people at a human pace, and tests
 * exactly as their directive says (see directive.ts). Every request is in the journal.
 */

import type { IncomingMessage, ServerResponse } from 'node:http';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Demo, humanPace, type Pace, startDemo } from './demo.ts';
import { type Directive, readDirective } from './directive.ts';
import { createJournal, type Journal, type JournalEntry } from './journal.ts';
import { badRequest, providerError } from './provider-error.ts';
import { playScript, sendError } from './scripted-answer.ts';
import { isTitleRequest, titleDirective } from './titles.ts';
import { type ChatRequest, lastUserText, requestFault } from './wire.ts';

export type { Pace } from './demo.ts';
export type { JournalEntry } from './journal.ts';

/** The model that GET /v1/models names. Any other name is answered just the same. */
export const standInModel = 'stand-in';

/** A conversation that holds an answer of 10 MB has to fit; a body that never ends must not fill the memory. */
const bodyBytesMax = 32 * 1024 * 1024;
/**
 * Longer than clients keep a connection in their pool. With Node's 5 s a worker now and then reuses a connection that
 * is just being closed, and a test fails by ECONNRESET once in a hundred runs.
 */
const keepAliveMs = 75_000;
/** Keys are chosen by the requests; the oldest count goes when there are more. */
const keysMax = 10_000;

export interface StandInOptions {
  /** 0 or absent: any free port. */
  readonly port?: number;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Of the demo answers; default: human. `{ tokensPerSecond: Infinity, firstTokenMs: 0, jitter: 0 }` for tests. */
  readonly pace?: Pace;
}

export interface StandIn {
  /** What OPENAI_BASE_URL has to be: `http://127.0.0.1:NNNN/v1`. */
  readonly url: string;
  /** The requests so far, oldest first; the entries go on changing until their request has ended. */
  journal(): JournalEntry[];
  /** Closes every connection, answers under way included. */
  stop(): Promise<void>;
}

/** Starts the provider. Rejects when the port cannot be had. */
export async function startStandIn(options: StandInOptions = {}): Promise<StandIn> {
  const host = options.host ?? '127.0.0.1';
  const journal = createJournal();
  const demo = await startDemo(options.pace ?? humanPace);
  const chat = { journal, demo, countUse: createUseCounter() };

  const server = http.createServer({ keepAliveTimeout: keepAliveMs }, (request, response) => {
    response.setHeader('x-request-id', `req_${crypto.randomUUID().replaceAll('-', '')}`);
    // A client that goes away is in the journal; a write that was under way then is no error of ours.
    response.on('error', () => {});
    route(request, response, chat).catch((error: unknown) => {
      if (response.destroyed) return; // it went away in the middle of its request
      console.error('stand-in:', error);
      if (response.headersSent) response.destroy();
      else sendError(response, providerError(500));
    });
  });
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(options.port ?? 0, host, resolve);
    });
  } catch (error) {
    await demo.stop();
    throw error;
  }

  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${reachable(host)}:${port}/v1`,
    journal: () => journal.entries(),
    async stop() {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
      await demo.stop();
    },
  };
}

interface Chat {
  readonly journal: Journal;
  readonly demo: Demo;
  readonly countUse: (key: string) => number;
}

async function route(request: IncomingMessage, response: ServerResponse, chat: Chat): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://stand-in');
  switch (`${request.method} ${pathname}`) {
    case 'POST /v1/chat/completions':
      return complete(request, response, chat);
    case 'GET /v1/models':
      return sendJson(response, {
        object: 'list',
        data: [{ id: standInModel, object: 'model', created: 1_700_000_000, owned_by: 'holdfast' }],
      });
    case 'GET /journal': {
      const key = searchParams.get('key');
      const entries = chat.journal.entries().filter((entry) => key === null || entry.key === key);
      return sendJson(response, { entries });
    }
    case 'POST /journal/clear':
      chat.journal.clear();
      return sendJson(response, { entries: [] });
    default:
      request.resume();
      return sendError(response, {
        ...badRequest(`Unknown request URL: ${request.method} ${pathname}`),
        status: 404,
      });
  }
}

async function complete(request: IncomingMessage, response: ServerResponse, chat: Chat): Promise<void> {
  const text = await readBody(request);
  if (text === null) return refuseBody(response);
  const body = parseJson(text);
  const entry = chat.journal.open(request, response, body, text.length);
  const fault = requestFault(body);
  if (fault !== null) return sendError(response, badRequest(fault));

  const chatRequest = body as ChatRequest;
  let directive: Directive | null;
  try {
    directive = readDirective(lastUserText(chatRequest.messages));
  } catch (error) {
    return sendError(response, badRequest((error as Error).message, 'bad_directive'));
  }
  if (isTitleRequest(chatRequest.messages)) directive = titleDirective(chatRequest.messages, directive);
  if (directive === null) return chat.demo.answer(text, response, entry);

  entry.key = directive.key ?? null;
  const { times = Number.POSITIVE_INFINITY } = directive;
  const faulty = chat.countUse(directive.key ?? JSON.stringify(directive)) <= times;
  await playScript({ request: chatRequest, directive, faulty, entry, response });
}

/** Counts how often each key was used; the count of the first use is 1. */
function createUseCounter(): (key: string) => number {
  const uses = new Map<string, number>();
  return (key) => {
    const count = (uses.get(key) ?? 0) + 1;
    uses.delete(key);
    uses.set(key, count);
    const oldest = uses.size > keysMax ? uses.keys().next() : undefined;
    if (oldest && !oldest.done) uses.delete(oldest.value);
    return count;
  };
}

/** The whole body as text, or null when it is larger than allowed. Rejects when the client goes away. */
function readBody(request: IncomingMessage): Promise<string | null> {
  const parts: Buffer[] = [];
  let bytes = 0;
  return new Promise((resolve, reject) => {
    // Not `for await`: leaving that loop early destroys the socket, and the 413 could no longer be sent.
    request.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes <= bodyBytesMax) parts.push(part);
      else resolve(null);
    });
    request.once('end', () => resolve(Buffer.concat(parts).toString('utf8')));
    request.once('error', reject);
  });
}

function refuseBody(response: ServerResponse): void {
  response.shouldKeepAlive = false;
  sendError(response, { ...badRequest('The request body is too large.'), status: 413 });
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

/** An address that clients can use: "all interfaces" is none, and IPv6 needs brackets. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}
