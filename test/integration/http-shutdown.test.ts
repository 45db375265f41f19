/** An API process that is told to end while people read from it: they notice nothing but a short pause. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { ask, call, question } from '../support/ask.ts';
import { followRun } from '../support/recorder.ts';
import { openEventStream } from '../support/sse-reader.ts';
import { type Stack, startStack } from '../support/stack.ts';

const drainMs = 1_500;

let stack: Stack;
beforeAll(async () => {
  stack = await startStack({ apis: 1, env: { API_DRAIN_MS: String(drainMs) } });
});
afterAll(() => stack.stop());

it('on SIGTERM its streams end cleanly and spread out, readyz says 503, it exits with 0, and readers go on elsewhere', async () => {
  const staying = stack.apis[0]?.url ?? '';
  const leaving = await stack.startApi();
  const directive = { deltas: 100, seed: 61, intervalMs: 40 };
  const { run } = await ask(staying, question(directive));
  const endedAt: number[] = [];
  const readers = Array.from({ length: 20 }, (_, n) =>
    followRun({
      bases: [leaving.url, staying],
      url: (base) => `${base}${run.eventsUrl}`,
      cursorBy: n % 2 ? 'query' : 'header',
      onEvent: ({ connection }) => {
        if (connection > 0) endedAt[n] ??= performance.now();
      },
    }),
  );
  await expect
    .poll(() => readers.every(({ record }) => record.ids.length > 5), { timeout: 20_000 })
    .toBe(true);

  process.kill(leaving.pid, 'SIGTERM');
  await expect
    .poll(async () => (await call(leaving.url, 'GET', '/readyz')).status, { interval: 5 })
    .toBe(503);
  const notReady = await call<{ code: string }>(leaving.url, 'GET', '/readyz');
  expect(notReady.body.code).toBe('shutting_down');
  expect(notReady.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  // The process lives and still answers what balancers have not yet sent elsewhere, a stream included.
  expect((await call(leaving.url, 'GET', '/healthz')).status).toBe(200);
  const latecomer = await openEventStream(`${leaving.url}${run.eventsUrl}`);
  expect(latecomer.status).toBe(200);

  expect(await leaving.exited).toEqual({ code: 0, signal: null });
  expect(await latecomer.ended).toBe('eof');
  await Promise.all(readers.map((reader) => reader.done));
  for (const { record } of readers) {
    expect(record.violations).toEqual([]);
    expect(record.text).toBe(scriptedText(directive).join(''));
    expect(record.terminal?.type).toBe('completed');
    expect(record.connections.map(({ url, end }) => [url.startsWith(leaving.url), end])).toEqual([
      [true, 'eof'],
      [false, 'eof'],
    ]);
  }
  // The last one left most of the drain time after the first one: nobody's return was a stampede.
  expect(Math.max(...endedAt) - Math.min(...endedAt)).toBeGreaterThan(drainMs / 2);
});

it('a second signal does not wait for the drain time, and its streams still end cleanly', async () => {
  const staying = stack.apis[0]?.url ?? '';
  const leaving = await stack.startApi({ API_DRAIN_MS: '600000' });
  const { run } = await ask(staying, question({ deltas: 10, seed: 62, fault: 'stall', atDelta: 2 }));
  const streams = await Promise.all(
    Array.from({ length: 10 }, () => openEventStream(`${leaving.url}${run.eventsUrl}`)),
  );
  process.kill(leaving.pid, 'SIGTERM');
  await expect.poll(async () => (await call(leaving.url, 'GET', '/readyz')).status).toBe(503);
  process.kill(leaving.pid, 'SIGTERM');
  expect(await leaving.exited).toEqual({ code: 0, signal: null });
  expect(await Promise.all(streams.map((stream) => stream.ended))).toEqual(streams.map(() => 'eof'));
  await call(staying, 'POST', `/api/runs/${run.id}/cancel`);
});

it('a reader that takes nothing does not keep it from ending', async () => {
  const staying = stack.apis[0]?.url ?? '';
  const leaving = await stack.startApi();
  const { run } = await ask(staying, question({ bytes: 8 * 1024 * 1024, seed: 63 }));
  const stream = await openEventStream(`${leaving.url}${run.eventsUrl}`);
  stream.stall();
  await expect
    .poll(async () => (await call<{ status: string }>(staying, 'GET', `/api/runs/${run.id}`)).body.status, {
      timeout: 30_000,
    })
    .toBe('completed');
  process.kill(leaving.pid, 'SIGTERM');
  expect(await leaving.exited).toEqual({ code: 0, signal: null });
  stream.cut();
});
