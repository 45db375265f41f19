/**
 * A model provider whose answers are readings of a clock, so that a reader knows how long each took to come. A question
 * with `BIG` in it is answered by so many megabytes at once.
 */
import http from 'node:http';

const bigPieceBytes = 8 * 1024;

export interface ClockProvider {
  readonly url: string;
  stop(): Promise<void>;
}

/** Answers each question with `ticks` readings of the clock (ms since 1970), one per `intervalMs`. */
export async function startClockProvider(intervalMs: number, ticks: number): Promise<ClockProvider> {
  const server = http.createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      body += chunk;
    });
    request.once('end', () => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      const megabytes = /BIG (\d+)/.exec(body)?.[1];
      if (megabytes === undefined) tick(response, intervalMs, ticks);
      else void sendBig(response, Number(megabytes) * 1024 * 1024);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function write(response: http.ServerResponse, content: string | null): boolean {
  const choice =
    content === null ? { delta: {}, finish_reason: 'stop' } : { delta: { content }, finish_reason: null };
  const chunk = {
    id: 'c',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'clock',
    choices: [{ index: 0, ...choice }],
  };
  return response.write(`data: ${JSON.stringify(chunk)}\n\n`);
}

function finish(response: http.ServerResponse): void {
  write(response, null);
  response.end('data: [DONE]\n\n');
}

function tick(response: http.ServerResponse, intervalMs: number, ticks: number): void {
  let told = 0;
  const timer = setInterval(() => {
    if (response.destroyed) return clearInterval(timer);
    told += 1;
    write(response, `${Date.now()} `);
    if (told < ticks) return;
    clearInterval(timer);
    finish(response);
  }, intervalMs);
}

async function sendBig(response: http.ServerResponse, bytes: number): Promise<void> {
  const piece = 'x'.repeat(bigPieceBytes);
  const closed = new Promise((resolve) => response.once('close', resolve));
  for (let sent = 0; sent < bytes && !response.destroyed; sent += bigPieceBytes) {
    if (write(response, piece)) continue;
    await Promise.race([closed, new Promise((resolve) => response.once('drain', resolve))]);
  }
  finish(response);
}
