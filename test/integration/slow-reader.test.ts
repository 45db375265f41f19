/**
 * Readers that open a stream and do not read it. They must cost a bounded amount of memory and nobody else's time, and be
 * able to go on as if nothing had happened.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { ask, follow, question } from '../support/ask.ts';
import { type Following, followRun } from '../support/recorder.ts';
import { residentBytes } from '../support/resident-memory.ts';
import { type Stack, startStack } from '../support/stack.ts';

const megabyte = 1024 * 1024;
/** On each of two ways. */
const stalledReaders = 40;
/** All of them would have to be read again in this process, too: a few stand for the others. */
const resumedReaders = 3;
/** Of what 40 readers would have of their own, 480 MB, kernels keep some 5 MB per socket; the rest would be ours. */
const grownMegabytesMax = 350;

let stack: Stack;
let base: string;
let longStall: ReturnType<typeof startLongStall>;
beforeAll(async () => {
  stack = await startStack();
  base = stack.apis[0]?.url ?? '';
  longStall = startLongStall();
  await longStall;
});
afterAll(() => stack.stop());

/** Readers of a run that stop reading as soon as the first event has come. */
function stallAtStart(count: number, eventsUrl: string): (Following & { abort(): void })[] {
  return Array.from({ length: count }, () => {
    const controller = new AbortController();
    const following = followRun({
      bases: [base],
      url: (origin) => `${origin}${eventsUrl}`,
      signal: controller.signal,
      onEvent: (_event, { ids }) => {
        if (ids.length === 1) following.stall();
      },
    });
    return { ...following, abort: () => controller.abort() };
  });
}

async function whenAllStalled(readers: readonly Following[]): Promise<void> {
  await expect
    .poll(() => readers.every(({ record }) => record.ids.length > 0), { timeout: 30_000 })
    .toBe(true);
}

it('80 readers that stop reading a 12 MB answer, live or from its log, cost a fraction of it, delay nobody, and end complete', async () => {
  // More than the kernel keeps for a socket that is not read; it begins only when everybody is there.
  const directive = { bytes: 12 * megabyte, deltas: 3_000, seed: 41, intervalMs: 3, firstDelayMs: 500 };
  const text = scriptedText(directive).join('');
  const { run } = await ask(base, question(directive));
  const stalled = stallAtStart(stalledReaders, run.eventsUrl);
  const healthy = [1, 2].map(() => follow([base], run));
  await whenAllStalled(stalled);

  const api = stack.apis[0]?.pid ?? 0;
  const before = residentBytes(api);
  let peak = before;
  const sampling = setInterval(() => {
    peak = Math.max(peak, residentBytes(api));
  }, 200);
  const healthyRecords = await Promise.all(healthy);
  // Live events are the same bytes for all their readers; what is read from the log is each reader's own.
  const late = stallAtStart(stalledReaders, run.eventsUrl);
  await whenAllStalled(late);
  healthyRecords.push(await follow([base], run));
  clearInterval(sampling);
  peak = Math.max(peak, residentBytes(api));
  const grownMegabytes = Math.round((peak - before) / megabyte);
  console.log({ grownMegabytes, ifAllWasBuffered: (2 * stalledReaders * directive.bytes) / megabyte });

  for (const record of healthyRecords) {
    expect(record.violations).toEqual([]);
    expect(record.text === text).toBe(true);
    expect(record.connections).toHaveLength(1);
  }
  // Nobody has cut them, and none of them is through: they were slow all the time.
  for (const { record } of [...stalled, ...late]) {
    expect(record.terminal).toBeNull();
    expect(record.connections).toHaveLength(1);
  }
  expect(grownMegabytes).toBeLessThan(grownMegabytesMax);

  const resumed = [...stalled.slice(0, resumedReaders), ...late.slice(0, resumedReaders)];
  for (const reader of [...stalled, ...late]) {
    if (resumed.includes(reader)) reader.resume();
    else reader.abort();
  }
  await Promise.all([...stalled, ...late].map((reader) => reader.done));
  for (const { record } of resumed) {
    expect(record.violations).toEqual([]);
    expect(record.text === text).toBe(true);
    expect(record.connections).toHaveLength(1);
  }
});

it('a reader that stalls for 30 s in the middle of an answer goes on with the next event', async () => {
  const { reader, since, text } = await longStall;
  await expect.poll(() => performance.now() - since, { timeout: 40_000 }).toBeGreaterThan(30_000);
  expect(reader?.record).toMatchObject({ terminal: null, connections: [{ end: null }] });
  reader?.resume();
  await reader?.done;
  expect(reader?.record.violations).toEqual([]);
  expect(reader?.record.text === text).toBe(true);
  expect(reader?.record.connections).toHaveLength(1);
});

/** Begins before the first test, so that its 30 s pass while that one runs. */
async function startLongStall(): Promise<{ reader: Following | undefined; since: number; text: string }> {
  const directive = { bytes: 8 * megabyte, deltas: 2_000, seed: 42 };
  const { run } = await ask(base, question(directive));
  const [reader] = stallAtStart(1, run.eventsUrl);
  await follow([base], run);
  return { reader, since: performance.now(), text: scriptedText(directive).join('') };
}
