/**
 * Plays a directive: waits, writes deltas at their times, goes wrong where it says.
 *
 * waiting (firstDelayMs) → error status, or headers → deltas → fault, or finish_reason, usage, [DONE]
 */
import type { ServerResponse } from 'node:http';
import type { Directive } from './directive.ts';
import type { JournalEntry } from './journal.ts';
import { createPacer } from './pacer.ts';
import { errorInAnswer, type ProviderError, providerError } from './provider-error.ts';
import { cutEvenly, scriptedText } from './script.ts';
import {
  type ChatRequest,
  completionBody,
  createFrames,
  doneFrame,
  eventStreamHeaders,
  scriptedUsage,
} from './wire.ts';

/** Frames that are due together go out in one write of at most about this size, so that 10 MB cost few writes. */
const batchLengthMax = 64 * 1024;
const megabytesDefault = 8;
const charsPerEcho = 24;

/** Everything one scripted answer needs. `faulty`: whether `fault` and `status` still apply (see `times`). */
export interface ScriptedAnswer {
  readonly request: ChatRequest;
  readonly directive: Directive;
  readonly faulty: boolean;
  readonly entry: JournalEntry;
  readonly response: ServerResponse;
}

/** Answers a request as its directive says; resolves when nothing more will be written. Does not throw. */
export async function playScript(answer: ScriptedAnswer): Promise<void> {
  const { request, directive, faulty, entry, response } = answer;
  if (directive.firstDelayMs && !(await createPacer(response).wait(directive.firstDelayMs))) return;
  if (faulty && directive.status !== undefined) {
    entry.fault = 'status';
    entry.outcome = 'fault';
    sendError(response, providerError(directive.status, directive.code), directive.retryAfter);
    return;
  }
  if (request.stream) await streamAnswer(answer);
  else sendWhole(answer);
}

/** Writes an error answer. `retryAfter` in seconds. */
export function sendError(response: ServerResponse, error: ProviderError, retryAfter?: number): void {
  response.writeHead(error.status, {
    'content-type': error.contentType,
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
  });
  response.end(error.body);
}

async function streamAnswer({ request, directive, faulty, entry, response }: ScriptedAnswer): Promise<void> {
  const pieces = piecesOf(directive, request);
  const frames = createFrames(`chatcmpl-stand-in-${entry.id}`, request);
  const pacer = createPacer(response);
  const fault = faulty ? directive.fault : undefined;
  const faultAt = fault ? Math.min(directive.atDelta ?? Math.floor(pieces.length / 2), pieces.length) : -1;
  const intervalMs = directive.intervalMs ?? 0;
  const startMs = performance.now();

  let batch = frames.role();
  let batched = 0;
  /** Sends what is due. The count in the journal is of deltas that were really written. */
  const flush = async (more = ''): Promise<boolean> => {
    const text = batch + more;
    entry.deltasSent += batched;
    batch = '';
    batched = 0;
    return text === '' || pacer.write(text);
  };
  const finish = (reason: string): void => {
    const usage = directive.noUsage
      ? ''
      : frames.usage(scriptedUsage(request.messages, entry.deltasSent + batched));
    entry.deltasSent += batched;
    response.end(batch + frames.finish(reason) + usage + doneFrame);
  };

  response.writeHead(200, eventStreamHeaders);
  for (let next = 0; next <= pieces.length; next++) {
    const piece = pieces[next];
    if (intervalMs > 0 && piece !== undefined) {
      // By the clock and not by the delta before it: a busy process then sends late deltas together instead of
      // falling behind for good.
      const restMs = startMs + next * intervalMs - performance.now();
      if (restMs > 0 && !((await flush()) && (await pacer.wait(restMs)))) return;
    }
    if (fault && next === faultAt) {
      entry.fault = fault;
      if (fault === 'length') return finish('length');
      if (fault === 'contentFilter') return finish('content_filter');
      if (fault === 'hugeLine') {
        const huge = 'x'.repeat((directive.megabytes ?? megabytesDefault) * 1024 * 1024);
        if (!(await flush(frames.delta(huge)))) return;
      } else {
        if (!(await flush())) return;
        entry.outcome = 'fault';
        return breakOff(fault, frames.delta(piece ?? 'the end'), response);
      }
    }
    if (piece === undefined) break;
    batch += frames.delta(piece);
    batched++;
    if (batch.length > batchLengthMax && !(await flush())) return;
  }
  finish('stop');
}

type EndingFault = Exclude<Directive['fault'], undefined | 'length' | 'contentFilter' | 'hugeLine'>;

/** Ends an answer badly. `frame` is the one that would have come next. */
async function breakOff(fault: EndingFault, frame: string, response: ServerResponse): Promise<void> {
  const half = frame.slice(0, Math.floor(frame.length / 2));
  switch (fault) {
    case 'stall':
      return createPacer(response).gone();
    case 'cut':
      // Only once the half frame has left: destroying the socket at once would throw it away.
      response.write(half, () => response.destroy());
      return;
    case 'errorFrame':
      response.end(`data: ${errorInAnswer}\n\n`);
      return;
    case 'noFinish':
      response.end();
      return;
    case 'badJson':
      response.end(`${half}\n\n`);
      return;
  }
}

function sendWhole({ request, directive, faulty, entry, response }: ScriptedAnswer): void {
  const fault = faulty ? directive.fault : undefined;
  const text = piecesOf(directive, request).join('');
  const finish = fault === 'length' ? 'length' : fault === 'contentFilter' ? 'content_filter' : 'stop';
  const usage = scriptedUsage(request.messages, text.length);
  const body = JSON.stringify(
    completionBody(`chatcmpl-stand-in-${entry.id}`, request.model, text, finish, usage),
  );
  entry.fault = fault ?? null;
  if (fault === 'stall' || fault === 'cut' || fault === 'badJson') {
    entry.outcome = 'fault';
    if (fault === 'stall') return;
    if (fault === 'cut') return void response.destroy();
  }
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(fault === 'badJson' ? body.slice(0, body.length / 2) : body);
}

function piecesOf(directive: Directive, request: ChatRequest): string[] {
  if (!directive.echo) return scriptedText(directive);
  const text = JSON.stringify(request);
  return cutEvenly(text, directive.deltas ?? Math.ceil(text.length / charsPerEcho));
}
