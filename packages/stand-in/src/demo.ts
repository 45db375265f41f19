/**
 * Answers for people. aimock forms them (on a port of its own that only this process uses); the pace is ours: aimock's
 * own goes on to the end of the answer after its reader has gone, and so would keep a stopped process alive.
 *
 * asked → formed (all chunks are here) → first-token wait → chunk by chunk → done, or gone with the reader
 */
import http, { type ServerResponse } from 'node:http';
import { LLMock } from '@copilotkit/aimock';
import { createParser } from 'eventsource-parser';
import { chooseDemoAnswer, demoAnswers } from './demo-answers.ts';
import type { JournalEntry } from './journal.ts';
import { createPacer } from './pacer.ts';
import { providerError } from './provider-error.ts';
import { sendError } from './scripted-answer.ts';
import { doneFrame, eventStreamHeaders, lastUserText } from './wire.ts';

/** How fast an answer comes. `jitter` is the share by which each gap may be longer or shorter. */
export interface Pace {
  readonly tokensPerSecond: number;
  readonly firstTokenMs: number;
  readonly jitter: number;
}

/** What a hosted model of middling size does. */
export const humanPace: Pace = { tokensPerSecond: 32, firstTokenMs: 400, jitter: 0.6 };

export type Demo = Awaited<ReturnType<typeof startDemo>>;

/** Starts aimock on a free port of the loopback interface. Rejects when it cannot listen. */
export async function startDemo(pace: Pace) {
  const mock = new LLMock({
    host: '127.0.0.1',
    port: 0,
    logLevel: 'silent',
    // 0 would mean "all of them for ever"; our own journal is the one that is read.
    journalMaxEntries: 1,
  });
  for (const answer of demoAnswers) {
    mock.addFixture({
      match: { predicate: (request) => chooseDemoAnswer(lastUserText(request.messages)) === answer },
      response: (request) => ({ content: answer.text(lastUserText(request.messages)) }),
      chunkSize: answer.chunkLength,
    });
  }
  const origin = await mock.start();

  return {
    /** Answers this request body (JSON text) at the pace; resolves when nothing more will be written. */
    async answer(body: string, response: ServerResponse, entry: JournalEntry): Promise<void> {
      const reply = await post(`${origin}/v1/chat/completions`, body, response);
      if (response.destroyed) return;
      if (reply === null) return sendError(response, providerError(503));
      if (reply.contentType.startsWith('text/event-stream')) return play(reply.text, pace, response, entry);
      response.writeHead(reply.status, { 'content-type': reply.contentType });
      response.end(reply.text);
    },

    /** Closes aimock's port. */
    stop: (): Promise<void> => mock.stop(),
  };
}

interface Reply {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

/** The whole reply of aimock; null when there was none. Given up when the reader goes away. */
async function post(url: string, body: string, reader: ServerResponse): Promise<Reply | null> {
  // No agent: a kept connection would hold up stop(), and could be closed by aimock just as it is used again.
  const headers = { 'content-type': 'application/json' };
  const call = http.request(url, { method: 'POST', agent: false, headers });
  const giveUp = () => call.destroy();
  reader.once('close', giveUp);
  try {
    const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
      call.once('response', resolve);
      call.once('error', reject);
      call.end(body);
    });
    response.setEncoding('utf8');
    const text = (await Array.fromAsync(response as AsyncIterable<string>)).join('');
    const contentType = response.headers['content-type'] ?? 'application/json';
    return { status: response.statusCode ?? 500, contentType, text };
  } catch {
    return null;
  } finally {
    reader.off('close', giveUp);
  }
}

interface Chunk {
  choices?: { delta?: { content?: string } }[];
}

async function play(
  events: string,
  pace: Pace,
  response: ServerResponse,
  entry: JournalEntry,
): Promise<void> {
  const pacer = createPacer(response);
  if (pace.firstTokenMs > 0 && !(await pacer.wait(pace.firstTokenMs))) return;
  response.writeHead(200, eventStreamHeaders);
  for (const { chunk, hasText } of chunksOf(events)) {
    const gapMs = hasText && entry.deltasSent > 0 ? (1000 / pace.tokensPerSecond) * spread(pace.jitter) : 0;
    if (gapMs > 0 && !(await pacer.wait(gapMs))) return;
    if (hasText) entry.deltasSent++;
    if (!(await pacer.write(`data: ${JSON.stringify(chunk)}\n\n`))) return;
  }
  response.end(doneFrame);
}

const spread = (jitter: number): number => 1 + (Math.random() * 2 - 1) * jitter;

/** The chunks of an answer, each with whole characters only. */
function chunksOf(events: string): { chunk: Chunk; hasText: boolean }[] {
  const join = createSurrogateJoiner();
  const chunks: { chunk: Chunk; hasText: boolean }[] = [];
  const parser = createParser({
    onEvent({ data }) {
      if (data === '[DONE]') return;
      const chunk = JSON.parse(data) as Chunk;
      const delta = chunk.choices?.[0]?.delta;
      const hasText = Boolean(delta?.content);
      if (delta?.content) delta.content = join(delta.content);
      // Of half a character nothing is left to send; the role, the end and the usage have no text and must pass.
      if (!hasText || delta?.content !== '') chunks.push({ chunk, hasText });
    },
  });
  parser.feed(events);
  return chunks;
}

/**
 * Holds the first half of an astral character back until the second has come. aimock cuts texts at UTF-16 units and
 * so sends "\ud83d" and "\ude00" in two chunks. Providers do that too, and `splitSurrogates` tests it; but people who
 * look at the demo with another client should not see it.
 */
export function createSurrogateJoiner(): (text: string) => string {
  let half = '';
  return (text) => {
    const whole = half + text;
    const last = whole.charCodeAt(whole.length - 1);
    half = last >= 0xd800 && last <= 0xdbff ? whole.slice(-1) : '';
    return half === '' ? whole : whole.slice(0, -1);
  };
}
