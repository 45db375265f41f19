/** Figure 9: five hundred readers that do not read an answer of megabytes: what they cost the process and the others. */
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { afterAll, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { firstUrl, patience, storedEnd } from '../support/inspect.ts';
import { residentBytes } from '../support/resident-memory.ts';
import { openEventStream } from '../support/sse-reader.ts';
import { startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';
import { startClockProvider } from './support/clock-provider.ts';
import { percentile, sized, spread, startFigure } from './support/figure.ts';

const figure = startFigure(9);
afterAll(() => figure.conclude());

const megabyte = 1024 * 1024;
/** Kernels keep some megabytes for a socket that is not read; the rest has to wait in the server, or in the log. */
const answerMegabytes = 12;
const healthyReaders = 20;
/** What the server grants a reader that takes nothing, and how finely it looks. */
const stalledMsMax = 60_000;
const lookMs = 3_000;
/** Before it stands still, a reader's kernel takes what it can hold; all of them together take their time. */
const fillMsMax = 15_000;

/** A client that opens the stream and never reads it. That it was cut its kernel does not tell: bytes stand before it. */
function stall(url: string) {
  const reader = { opened: false };
  const request = http.get(url, { agent: false, headers: testUser.headers }, (response) => {
    reader.opened = response.statusCode === 200;
    response.on('error', () => {});
    response.socket.pause();
  });
  request.on('error', () => {});
  return { reader, leave: () => request.destroy() };
}

/** Connections to this port that its server holds, by the kernel's own list: the far end does not tell that it was cut. */
function connectionsAt(port: number): number {
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const established = '01';
  return readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([, address, , state]) => address?.endsWith(local) && state === established).length;
}

it(`${sized(500)} readers that never read: little memory, no delay for others, and an end`, async () => {
  const provider = await startClockProvider(50, 200);
  const stack = await startStack({
    env: { OPENAI_BASE_URL: provider.url, WORKER_LEASE_MS: '5000', HEARTBEAT_MS: '2000' },
  });
  const base = firstUrl(stack);
  const api = stack.apis[0]?.pid ?? 0;

  /** Delays of all events of answers that are read meanwhile, in ms. */
  async function healthyDelays(): Promise<number[]> {
    const delays = await Promise.all(
      Array.from({ length: healthyReaders }, async () => {
        const { run } = await ask(base, 'What time is it?');
        const of: number[] = [];
        for await (const item of await openEventStream(`${base}${run.eventsUrl}`)) {
          if (item.kind !== 'event' || item.event !== 'delta') continue;
          const times = (JSON.parse(item.data) as { text: string }).text.trim().split(' ').map(Number);
          of.push(...times.map((at) => Date.now() - at));
        }
        return of;
      }),
    );
    return delays.flat();
  }

  await healthyDelays(); // what is compiled and connected once
  const { run } = await ask(base, `BIG ${answerMegabytes}`);
  await storedEnd(stack, run.id);
  const calm = await healthyDelays();
  const before = residentBytes(api);
  const port = Number(new URL(base).port);
  // Those that our own client keeps for its next request.
  const others = connectionsAt(port) + healthyReaders;
  let peak = before;
  const sampling = setInterval(() => {
    peak = Math.max(peak, residentBytes(api));
  }, 100);
  const stalled: ReturnType<typeof stall>[] = [];
  // Little by little: that they come all at once is another attack.
  while (stalled.length < sized(500, 10)) {
    for (let n = 0; n < 10; n += 1) stalled.push(stall(`${base}${run.eventsUrl}`));
    await expect
      .poll(() => stalled.filter(({ reader }) => reader.opened).length, patience)
      .toBe(stalled.length);
  }
  // The kernel takes its part first, at the expense of everybody on this machine; then they stand still.
  const filling = performance.now();
  await expect.poll(() => performance.now() - filling, patience).toBeGreaterThan(8_000);
  const busy = await healthyDelays();
  await expect
    .poll(() => connectionsAt(port), { interval: 500, timeout: 2 * stalledMsMax })
    .toBeLessThanOrEqual(others)
    .catch(() => {});
  const cutAfterMs = performance.now() - filling;
  const uncut = Math.max(0, connectionsAt(port) - others);
  clearInterval(sampling);
  figure.note('stalled readers, MB that each would have to read', `${stalled.length}, ${answerMegabytes}`);
  figure.atMost('memory of the API process grew by', (peak - before) / megabyte, 100, 'MB');
  figure.note('delay of deltas, calm', spread(calm));
  figure.note('delay of deltas, beside the stalled', spread(busy));
  // Both are a few milliseconds: below one it is the clock that is compared.
  figure.atMost(
    'delay of deltas, p99, as part of the calm one',
    percentile(busy, 0.99) / Math.max(1, percentile(calm, 0.99)),
    2,
    '×',
  );
  figure.exactly('stalled readers that were not cut', uncut, 0);
  figure.atMost('the last one was cut after', cutAfterMs, stalledMsMax + lookMs + fillMsMax, 'ms');
  figure.note(
    'cut within 15 s: not pursued',
    'a reader may stall for 30 s and go on; it is cut after 60 s without a byte taken',
  );
  for (const { leave } of stalled) leave();
  await stack.stop();
  await provider.stop();
}, 300_000);
