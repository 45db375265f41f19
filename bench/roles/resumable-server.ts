/**
 * `resumable-stream` as its documentation shows it, behind Fastify. Resumed readers: the stream lives in the producer's
 * process and comes over Redis. Direct readers (BENCH_DIRECT): the producer is this process, the reader takes its
 * stream, and nothing is stored beyond its memory.
 */
import { Readable } from 'node:stream';
import Fastify from 'fastify';
import { Redis } from 'ioredis';
import { createResumableStreamContext } from 'resumable-stream/ioredis';
import { createSchedule, eventJson, frameOf } from '../support/schedule.ts';
import { ready, serve } from '../support/serve.ts';

const redisUrl = process.env['REDIS_URL'] ?? '';
const context = createResumableStreamContext({
  waitUntil: null,
  keyPrefix: process.env['REDIS_PREFIX'] ?? 'bench',
  publisher: new Redis(redisUrl, { enableAutoPipelining: true }),
  subscriber: new Redis(redisUrl),
});
const isDirect = process.env['BENCH_DIRECT'] === '1';

const sources: ReadableStreamDefaultController<string>[] = [];
const seqs: number[] = [];
let answers = 0;

const schedule = createSchedule(
  () => answers,
  (answer, count) => {
    for (let left = count; left > 0; left -= 1) {
      const seq = (seqs[answer] ?? 0) + 1;
      seqs[answer] = seq;
      sources[answer]?.enqueue(frameOf(seq, eventJson()));
    }
  },
);

function makeStream(answer: number): ReadableStream<string> {
  return new ReadableStream<string>({
    start(controller) {
      sources[answer] = controller;
      seqs[answer] = 0;
      controller.enqueue(frameOf(0, '{}'));
    },
  });
}

const app = Fastify();
app.get<{ Params: { answer: string } }>('/events/:answer', async (request, reply) => {
  const { answer } = request.params;
  const stream = isDirect
    ? await context.createNewResumableStream(answer, () => makeStream(Number(answer)))
    : await context.resumeExistingStream(answer);
  if (!stream) return reply.code(204).send();
  return reply
    .header('content-type', 'text/event-stream')
    .header('cache-control', 'no-cache')
    .send(Readable.fromWeb(stream as never));
});
await app.listen({ port: 0, host: '127.0.0.1', backlog: 8_192 });

serve({
  open(args: { ids: readonly string[] }) {
    answers = args.ids.length;
  },
  rate: (eventsPerSecond: number) => schedule.setRate(eventsPerSecond),
});
ready(app.listeningOrigin);
