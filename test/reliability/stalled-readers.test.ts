/** Figure 9: five hundred readers that do not read an answer of megabytes: what they cost the process and the others. */
import { readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { afterAll, expect, inject, it } from 'vitest';
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
/** Longer than an answer of the clock takes, shorter than anybody is granted. */
const healthyMsMax = 20_000;
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

/** How long each event stream was open that has ended and lasted longer than any healthy one, by the API's own log. */
function longStreamsMs(): number[] {
  const dir = inject('logDir');
  const logs = readdirSync(dir).filter((file) => /-API-\d+\.log$/.test(file));
  return logs
    .flatMap((file) => readFileSync(join(dir, file), 'utf8').split('\n'))
    .filter((line) => line.includes('"route":"/api/runs/:id/events"') && line.includes('"ms":'))
    .map((line) => (JSON.parse(line) as { ms: number }).ms)
    .filter((ms) => ms > healthyMsMax);
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
    .poll(() => longStreamsMs().length, { interval: 500, timeout: 2 * stalledMsMax })
    .toBe(stalled.length)
    .catch(() => {});
  clearInterval(sampling);
  const cutMs = longStreamsMs();
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
  figure.exactly('stalled readers that were not cut', stalled.length - cutMs.length, 0);
  figure.atMost('cut after, longest', Math.max(...cutMs), stalledMsMax + lookMs + fillMsMax, 'ms');
  figure.declined(
    'cut within 15 s',
    cutMs.filter((ms) => ms <= 15_000).length,
    `all ${stalled.length}`,
    'a reader may stall for 30 s and go on; it is cut after 60 s without a byte taken',
  );
  for (const { leave } of stalled) leave();
  await stack.stop();
  await provider.stop();
}, 300_000);
