/** The naive design: Fastify, and for each reader a Redis connection of its own that blocks in XREAD. */
import Fastify from 'fastify';
import { Redis } from 'ioredis';
import { frameOf } from '../support/schedule.ts';
import { ready, serve } from '../support/serve.ts';

const redisUrl = process.env['REDIS_URL'] ?? '';
const prefix = process.env['REDIS_PREFIX'] ?? 'bench';
const pageEvents = 500;
const blockMs = 10_000;

const app = Fastify();
app.get<{ Params: { answer: string } }>('/events/:answer', async (request, reply) => {
  reply.hijack();
  const response = reply.raw;
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
  response.flushHeaders();
  const redis = new Redis(redisUrl, { maxRetriesPerRequest: null });
  redis.on('error', () => {});
  response.on('error', () => response.destroy());
  response.on('close', () => redis.disconnect());
  const key = `${prefix}:${request.params.answer}`;
  let last = (request.headers['last-event-id'] as string | undefined) ?? '0-0';
  while (!response.destroyed) {
    const reply = await redis
      .xread('COUNT', pageEvents, 'BLOCK', blockMs, 'STREAMS', key, last)
      .catch(() => null);
    let frames = '';
    for (const [id, fields] of reply?.[0]?.[1] ?? []) {
      last = id;
      frames += frameOf(Number(id.slice(2)), fields[1] ?? '');
    }
    if (frames !== '' && !response.write(frames)) {
      await new Promise<void>((resolve) => {
        response.once('drain', resolve);
        response.once('close', resolve);
      });
    }
  }
});
await app.listen({ port: 0, host: '127.0.0.1', backlog: 8_192 });
serve({});
ready(app.listeningOrigin);
