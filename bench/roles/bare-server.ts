/**
 * The limit: node:http and nothing else. It makes the events itself, of the same bytes at the same times, and writes them
 * to as many connections. With `?after=n` it first writes, in one piece, the n events that a returning reader lacks.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSchedule, eventJson, frameOf } from '../support/schedule.ts';
import { ready, serve } from '../support/serve.ts';

const connections = new Map<number, Set<ServerResponse>>();
const seqs: number[] = [];
const opening = Buffer.from(frameOf(0, '{}'));
let answers = 0;
let history = Buffer.alloc(0);
let historyEvents = 0;

const schedule = createSchedule(
  () => answers,
  (answer, count) => {
    let frames = '';
    for (let left = count; left > 0; left -= 1) {
      const seq = (seqs[answer] ?? 0) + 1;
      seqs[answer] = seq;
      frames += frameOf(seq, eventJson());
    }
    const bytes = Buffer.from(frames);
    for (const response of connections.get(answer) ?? []) response.write(bytes);
  },
);

const server = createServer((request, response) => {
  const answer = Number(request.url?.split('/')[2]);
  const readers = connections.get(answer) ?? new Set();
  connections.set(answer, readers.add(response));
  response.on('error', () => response.destroy());
  response.on('close', () => readers.delete(response));
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.write(historyEvents > 0 ? history : opening);
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 8_192 }, () => {
  ready(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

serve({
  open(args: { ids: readonly string[]; live?: number }) {
    answers = args.live ?? args.ids.length;
    for (const answer of args.ids.keys()) seqs[answer] ??= 0;
  },
  rate: (eventsPerSecond: number) => schedule.setRate(eventsPerSecond),
  /** What every request is answered from now on: this many events. */
  fill({ count }: { count: number }) {
    historyEvents = count;
    history = Buffer.from(Array.from({ length: count }, (_, at) => frameOf(at + 1, eventJson())).join(''));
    seqs.fill(count);
  },
});
