/**
 * Appends events for many answers, as workers do: to Holdfast's run log through the product's own code, to plain Redis
 * streams for the naive design, through `resumable-stream`, in whose memory the text stays, or to a Durable Streams server.
 */

import { Agent, request } from 'node:http';
import { connectRedis, whenReady } from '@holdfast/shared/redis.ts';
import { createLeanConnection } from '@holdfast/shared/run-log/lean-connection.ts';
import { createRedisRunLog } from '@holdfast/shared/run-log/redis.ts';
import { leanScriptsThrough } from '@holdfast/shared/run-log/scripts.ts';
import { Redis } from 'ioredis';
import { createResumableStreamContext } from 'resumable-stream/ioredis';
import { createSchedule, type Emit, eventJson, frameOf } from '../support/schedule.ts';
import { ready, serve } from '../support/serve.ts';

const redisUrl = process.env['REDIS_URL'] ?? '';
const prefix = process.env['REDIS_PREFIX'] ?? 'bench';
const kind = process.env['BENCH_PRODUCER'] ?? 'holdfast';

/** Appends that Redis has not confirmed; with more, what is due is left out and shows as a rate that was not reached. */
const unconfirmedMax = 20_000;

interface Writer {
  open(answerIds: readonly string[]): Promise<void>;
  /** Appends events; resolves when they are written. */
  append(answer: number, jsons: readonly string[]): Promise<unknown>;
}

async function holdfastWriter(): Promise<Writer> {
  const redis = connectRedis({
    url: redisUrl,
    role: 'lean',
    name: 'bench-producer',
    onError: console.error,
  });
  await whenReady(redis);
  const writes = leanScriptsThrough(createLeanConnection(redis));
  const log = createRedisRunLog({ redis, prefix, retentionMs: 3_600_000, writes });
  let ids: readonly string[] = [];
  let seqs: number[] = [];
  return {
    async open(answerIds) {
      for (const id of answerIds.slice(ids.length)) await log.open(id, 1, { type: 'started', json: '{}' });
      seqs = answerIds.map((_, answer) => seqs[answer] ?? 0);
      ids = answerIds;
    },
    append(answer, jsons) {
      const first = (seqs[answer] ?? 0) + 1;
      seqs[answer] = first + jsons.length - 1;
      const events = jsons.map((json) => ({ type: 'delta' as const, json }));
      return log.append(ids[answer] ?? '', 1, first, events);
    },
  };
}

function naiveWriter(): Writer {
  const redis = new Redis(redisUrl, { enableAutoPipelining: true });
  let seqs: number[] = [];
  return {
    async open(answerIds) {
      for (let answer = seqs.length; answer < answerIds.length; answer += 1)
        await redis.xadd(`${prefix}:${answer}`, '1-0', 'd', '{}');
      seqs = answerIds.map((_, answer) => seqs[answer] ?? 0);
    },
    append(answer, jsons) {
      return Promise.all(
        jsons.map((json) => {
          const seq = (seqs[answer] ?? 0) + 1;
          seqs[answer] = seq;
          return redis.xadd(`${prefix}:${answer}`, `1-${seq}`, 'd', json);
        }),
      );
    },
  };
}

function resumableWriter(): Writer {
  const context = createResumableStreamContext({
    waitUntil: null,
    keyPrefix: prefix,
    publisher: new Redis(redisUrl, { enableAutoPipelining: true }),
    subscriber: new Redis(redisUrl),
  });
  const seqs: number[] = [];
  const sources: ReadableStreamDefaultController<string>[] = [];
  return {
    async open(answerIds) {
      for (let answer = seqs.length; answer < answerIds.length; answer += 1) {
        const source = new ReadableStream<string>({
          start(controller) {
            sources[answer] = controller;
          },
        });
        const stream = await context.createNewResumableStream(String(answer), () => source);
        // The first reader is always there; its end of the stream is taken and thrown away.
        void stream?.pipeTo(new WritableStream());
        sources[answer]?.enqueue(frameOf(0, '{}'));
        seqs[answer] = 0;
      }
    },
    async append(answer, jsons) {
      for (const json of jsons) {
        const seq = (seqs[answer] ?? 0) + 1;
        seqs[answer] = seq;
        sources[answer]?.enqueue(frameOf(seq, json));
      }
    },
  };
}

/** Durable Streams takes each append as an HTTP request. */
function durableWriter(): Writer {
  const url = process.env['DURABLE_URL'] ?? '';
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const send = (method: string, answer: number, body: string) =>
    new Promise<void>((resolve, reject) => {
      const options = { method, agent, headers: { 'content-type': 'text/plain' } };
      const sent = request(`${url}/answers/${answer}`, options, (response) => {
        response.resume();
        response.on('end', () =>
          (response.statusCode ?? 500) < 300 ? resolve() : reject(new Error(`status ${response.statusCode}`)),
        );
      });
      sent.on('error', reject);
      sent.end(body);
    });
  const seqs: number[] = [];
  /** The end of the queue of each answer: two requests under way could arrive in the other order. */
  const tails: Promise<unknown>[] = [];
  return {
    async open(answerIds) {
      for (let answer = seqs.length; answer < answerIds.length; answer += 1) {
        await send('PUT', answer, '');
        await send('POST', answer, 'id: 1-0 {}');
        seqs[answer] = 0;
      }
    },
    append(answer, jsons) {
      for (const json of jsons) {
        const seq = (seqs[answer] ?? 0) + 1;
        seqs[answer] = seq;
        tails[answer] = (tails[answer] ?? Promise.resolve()).then(() =>
          send('POST', answer, `id: 1-${seq} ${json}`),
        );
      }
      return tails[answer] ?? Promise.resolve();
    },
  };
}

function createWriter(): Writer | Promise<Writer> {
  switch (kind) {
    case 'holdfast':
      return holdfastWriter();
    case 'naive':
      return naiveWriter();
    case 'durable':
      return durableWriter();
    default:
      return resumableWriter();
  }
}

const writer = await createWriter();
let answers = 0;
let unconfirmed = 0;
let bytesPerEvent = 16;
let failures = 0;

const emit: Emit = (answer, count) => {
  if (unconfirmed > unconfirmedMax) return;
  unconfirmed += count;
  writer
    .append(
      answer,
      Array.from({ length: count }, () => eventJson(bytesPerEvent)),
    )
    .catch(() => {
      failures += 1;
    })
    .finally(() => {
      unconfirmed -= count;
    });
};
const schedule = createSchedule(() => answers, emit);

serve({
  async open(args: { ids: readonly string[]; live?: number; bytes?: number }) {
    await writer.open(args.ids);
    // Only the first `live` answers go on by the schedule; the others are filled and left.
    answers = args.live ?? args.ids.length;
    bytesPerEvent = args.bytes ?? 16;
  },
  rate: (eventsPerSecond: number) => schedule.setRate(eventsPerSecond),
  /** Writes `count` events for an answer at once, in steps of at most 200. */
  async fill({ answer, count }: { answer: number; count: number }) {
    for (let left = count; left > 0; left -= 200) {
      await writer.append(
        answer,
        Array.from({ length: Math.min(200, left) }, () => eventJson(bytesPerEvent)),
      );
      // resumable-stream takes its stream's text in microtasks and needs the turn.
      await new Promise((resolve) => setImmediate(resolve));
    }
  },
  failures: () => failures,
});
ready();
