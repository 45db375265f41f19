/**
 * A model provider whose tokens say when they left it. BENCH_INSTANT: it answers at once with one token; otherwise tokens
 * come by the schedule of all sides, over all answers that are open.
 */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createSchedule, stamp } from '../support/schedule.ts';
import { ready, serve } from '../support/serve.ts';

const isInstant = process.env['BENCH_INSTANT'] === '1';
const open: ServerResponse[] = [];
let tokens = 0;

const head = '{"id":"bench","object":"chat.completion.chunk","created":1,"model":"bench"';
const frame = (delta: string, finish: string) =>
  `data: ${head},"choices":[{"index":0,"delta":${delta},"logprobs":null,"finish_reason":${finish}}]}\n\n`;
const token = () => frame(`{"content":"${stamp()}abcd"}`, 'null');

const schedule = createSchedule(
  () => open.length,
  (answer, count) => {
    let frames = '';
    for (let left = count; left > 0; left -= 1) frames += token();
    tokens += count;
    open[answer]?.write(frames);
  },
);

const server = createServer((request, response) => {
  request.resume();
  response.on('error', () => response.destroy());
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(frame('{"role":"assistant","content":""}', 'null'));
  if (isInstant) response.end(`${token()}${frame('{}', '"stop"')}data: [DONE]\n\n`);
  else open.push(response);
});
server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
  ready(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`);
});

serve({
  rate: (eventsPerSecond: number) => schedule.setRate(eventsPerSecond),
  openCount: () => open.length,
  tokens: () => tokens,
});
