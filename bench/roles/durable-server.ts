/** Durable Streams' own server with its file store. */
import { join } from 'node:path';
import { DurableStreamTestServer } from '@durable-streams/server';
import { ready, serve } from '../support/serve.ts';

const server = new DurableStreamTestServer({
  port: 0,
  host: '127.0.0.1',
  dataDir: join(process.env['BENCH_DIR'] ?? '.', 'durable'),
  compression: false,
});
await server.start();
serve({});
ready(server.url);
