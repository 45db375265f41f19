/**
 * What the stand-in was asked and how each request ended.
 *
 * streaming      being answered
 * finished       the whole answer was handed to the socket
 * fault          the answer was ended, or stalled, as its directive says
 * client-closed  the other side closed the connection first; also after a stall
 *
 * streaming → finished | fault | client-closed; fault → client-closed only after a stall
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Fault } from './directive.ts';

export type Outcome = 'streaming' | 'finished' | 'fault' | 'client-closed';

/** One request. Times are Unix milliseconds, so that processes on one machine can compare them. */
export interface JournalEntry {
  readonly id: number;
  readonly at: number;
  readonly model: string | null;
  /** The directive's `key`. */
  key: string | null;
  /** Whether a credential was sent; never which. `retryCount` is what the OpenAI SDK says of its own retries. */
  readonly headers: {
    readonly authorization: boolean;
    readonly organization: string | null;
    readonly userAgent: string | null;
    readonly retryCount: string | null;
  };
  /** The request body, parsed; null when it was not JSON. */
  readonly body: unknown;
  /** The HTTP status, once it was sent. */
  status: number | null;
  /** Text deltas that were written so far. */
  deltasSent: number;
  /** The fault or error status that was injected. */
  fault: Fault | 'status' | null;
  outcome: Outcome;
  /** When the request ended: the answer was written or the connection went. */
  closedAtMs: number | null;
}

/** Far more than one test run asks, and no more: a stand-in that runs for weeks must not grow. */
const entriesMax = 10_000;
/** Bodies hold whole conversations; without this, 10,000 long ones would be gigabytes. Oldest entries go first. */
const bodyBytesMax = 64 * 1024 * 1024;

export type Journal = ReturnType<typeof createJournal>;

/** A bounded journal: the last 10,000 requests, or fewer when their bodies are large. */
export function createJournal() {
  let kept: { entry: JournalEntry; bytes: number }[] = [];
  let bodyBytes = 0;
  let lastId = 0;

  return {
    entries: (): JournalEntry[] => kept.map(({ entry }) => entry),

    clear(): void {
      kept = [];
      bodyBytes = 0;
    },

    /** Opens the entry of a request and follows its response to the end. `bytes` is the size of its body. */
    open(request: IncomingMessage, response: ServerResponse, body: unknown, bytes: number): JournalEntry {
      const entry: JournalEntry = {
        id: ++lastId,
        at: Date.now(),
        model: modelOf(body),
        key: null,
        headers: {
          authorization: request.headers.authorization !== undefined,
          organization: headerOf(request, 'openai-organization'),
          userAgent: headerOf(request, 'user-agent'),
          retryCount: headerOf(request, 'x-stainless-retry-count'),
        },
        body,
        status: null,
        deltasSent: 0,
        fault: null,
        outcome: 'streaming',
        closedAtMs: null,
      };
      kept.push({ entry, bytes });
      bodyBytes += bytes;
      while (kept.length > 1 && (kept.length > entriesMax || bodyBytes > bodyBytesMax)) {
        bodyBytes -= kept.shift()?.bytes ?? 0;
      }
      follow(entry, response);
      return entry;
    },
  };
}

function follow(entry: JournalEntry, response: ServerResponse): void {
  response.once('finish', () => {
    if (entry.outcome === 'streaming') entry.outcome = 'finished';
  });
  response.once('close', () => {
    entry.closedAtMs = Date.now();
    if (response.headersSent) entry.status ??= response.statusCode;
    const open = entry.outcome === 'streaming' || (entry.outcome === 'fault' && entry.fault === 'stall');
    if (open) entry.outcome = 'client-closed';
  });
}

function modelOf(body: unknown): string | null {
  const model = (body as { model?: unknown } | null)?.model;
  return typeof model === 'string' ? model : null;
}

function headerOf(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  return typeof value === 'string' ? value : null;
}
