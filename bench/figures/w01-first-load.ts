import type { Page } from 'playwright-core';
import { all, below, type Figure, type Measured } from '../figure.ts';
import type { Context } from '../support/context.ts';
import { countMainThread, openPage, startChatServer } from '../support/web-page.ts';

/** A phone on a slow network, as Lighthouse takes it for its mobile figures: 150 ms, 1.6 Mbit/s, a quarter of the CPU. */
const slow = {
  latency: 150,
  downloadThroughput: (1.6 * 1024 * 1024) / 8,
  uploadThroughput: (750 * 1024) / 8,
};
const slowCpu = 4;

/** Interactions wait for tasks of the main thread that are longer. */
const longTaskMs = 50;

interface Loaded {
  largest: number;
  shift: number;
  readonly tasks: number[];
}

/** Counts the bytes of all answers, as they came over the network. */
async function countBytes(page: Page): Promise<{ scripts: number; all: number }> {
  const counted = { scripts: 0, all: 0 };
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  const scripts = new Set<string>();
  session.on('Network.responseReceived', ({ requestId, type }) => {
    if (type === 'Script') scripts.add(requestId);
  });
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    counted.all += encodedDataLength;
    if (scripts.has(requestId)) counted.scripts += encodedDataLength;
  });
  return counted;
}

/** The first visit of somebody who is signed in, with nothing cached, until one can write. */
async function measure(context: Context, isSlow: boolean): Promise<Measured> {
  const url = await startChatServer(context);
  const page = await openPage(context, url);
  const bytes = await countBytes(page);
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  if (isSlow) {
    await session.send('Network.emulateNetworkConditions', { offline: false, ...slow });
    await session.send('Emulation.setCPUThrottlingRate', { rate: slowCpu });
  }
  await page.addInitScript(() => {
    const loaded: Loaded = { largest: 0, shift: 0, tasks: [] };
    Object.assign(globalThis, { loaded });
    const observe = (type: string, take: (entry: PerformanceEntry) => void) =>
      new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, buffered: true });
    observe('largest-contentful-paint', ({ startTime }) => {
      loaded.largest = startTime;
    });
    observe('layout-shift', (entry) => {
      loaded.shift += (entry as PerformanceEntry & { value: number }).value;
    });
    observe('longtask', ({ duration }) => loaded.tasks.push(duration));
  });
  const computed = await countMainThread(page);
  await page.goto(url, { waitUntil: 'commit' });
  await page.getByTestId('composer').waitFor();
  const usableMs = await page.evaluate(() => performance.now());
  // The list of conversations may still move something.
  await page.waitForLoadState('load');
  await page.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length > 0);
  const { taskMs } = await computed();
  const [first, { largest, shift, tasks }] = await page.evaluate(
    () =>
      [
        performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0,
        (globalThis as unknown as { loaded: Loaded }).loaded,
      ] as const,
  );
  return {
    scriptKb: bytes.scripts / 1024,
    allKb: bytes.all / 1024,
    firstPaintMs: first,
    largestPaintMs: largest,
    usableMs,
    blockedMs: tasks.reduce((sum, ms) => sum + Math.max(0, ms - longTaskMs), 0),
    shift,
    mainThreadMs: taskMs,
  };
}

export const figure: Figure = {
  id: 'W1',
  title: 'First load of the page, nothing cached, until one can write',
  unit: 'kB of scripts and of everything as sent; ms until the first and the largest paint and until one can write, ms blocked by long tasks (Total Blocking Time), layout shift (CLS), ms of the main thread',
  goal: 'scripts ≤ 350 kB; on a slow phone (150 ms, 1.6 Mbit/s, a quarter of the CPU) largest paint ≤ 4,000 ms; layout shift ≤ 0.1',
  sides: [
    { name: 'Holdfast', measure: (context) => measure(context, false) },
    { name: 'Holdfast, slow phone', measure: (context) => measure(context, true) },
  ],
  verdict: (medians) => {
    const phone = medians['Holdfast, slow phone'];
    return all(
      below('scripts', medians['Holdfast']?.['scriptKb'], 350, 'kB'),
      below('largest paint', phone?.['largestPaintMs'], 4_000, 'ms'),
      below('layout shift', phone?.['shift'], 0.1, ''),
    );
  },
};
