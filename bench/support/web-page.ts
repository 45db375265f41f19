/** A page in Chromium, and what it makes the browser do: measured by Chromium itself. */
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { buildCompared } from '../../apps/web/bench/build.ts';
import { type PageServer, servePages } from '../../packages/client/scripts/serve-pages.ts';
import { startStandIn } from '../../packages/stand-in/src/stand-in.ts';
import { launchChromium } from '../../test/support/chromium.ts';
import { sessionCookie } from '../../test/support/test-user.ts';
import type { Context } from './context.ts';
import { startApi } from './holdfast.ts';
import { startWorker } from './whole-path.ts';

/** A laptop's window. */
const viewport = { width: 1280, height: 800 };

/** Starts an API process and a worker whose provider obeys directives. Resolves with the address of the API. */
export async function startChatServer(context: Context): Promise<string> {
  const upstream = await startStandIn();
  context.onEnd(() => upstream.stop());
  const [api] = await Promise.all([startApi(context), startWorker(context, upstream, 10)]);
  return api.url;
}

/** Builds the pages of apps/web/bench and serves them beside the API. */
export async function serveCompared(context: Context, api: string): Promise<PageServer> {
  const outDir = join(context.dir, 'pages');
  await buildCompared(outDir);
  const server = await servePages(outDir, api);
  context.onEnd(() => server.stop());
  return server;
}

/** Opens an empty page of a browser of its own; `base`: where the test user is signed in. */
export async function openPage(context: Context, base: string): Promise<Page> {
  const browser = await launchChromium();
  context.onEnd(() => browser.close());
  const browsing = await browser.newContext({ viewport });
  await browsing.addCookies([sessionCookie(base)]);
  return browsing.newPage();
}

/** What the main thread of a page has computed since some moment, in milliseconds. */
export interface Computed {
  readonly taskMs: number;
  readonly scriptMs: number;
  readonly layoutMs: number;
}

/** Begins to count; what it returns tells. */
export async function countMainThread(page: Page): Promise<() => Promise<Computed>> {
  const session = await page.context().newCDPSession(page);
  // What the thread has computed, not how long it was waiting for a busy machine.
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const read = async (): Promise<Computed> => {
    const { metrics } = await session.send('Performance.getMetrics');
    const ms = (name: string) => (metrics.find((metric) => metric.name === name)?.value ?? 0) * 1_000;
    return {
      taskMs: ms('TaskDuration'),
      scriptMs: ms('ScriptDuration'),
      layoutMs: ms('LayoutDuration') + ms('RecalcStyleDuration'),
    };
  };
  const before = await read();
  return async () => {
    const after = await read();
    return {
      taskMs: after.taskMs - before.taskMs,
      scriptMs: after.scriptMs - before.scriptMs,
      layoutMs: after.layoutMs - before.layoutMs,
    };
  };
}

/** How a page felt since some moment: all in milliseconds, but the counts. */
export interface Felt {
  readonly frames: number;
  /** Frames for which the page worked longer than 50 ms (Long Animation Frames API). */
  readonly longFrames: number;
  /** The longest of them; 0: there was none. */
  readonly longestFrameMs: number;
  /** From the pressing of a key to the frame that shows it (Event Timing API, which counts in steps of 8 ms). */
  readonly keyMsP50: number;
  readonly keyMsMax: number;
}

interface Watching {
  frames: number;
  readonly long: number[];
  readonly keys: number[];
}

/** Begins to watch; what it returns tells. */
export async function watchFrames(page: Page): Promise<() => Promise<Felt>> {
  await page.evaluate(() => {
    const watching: Watching = { frames: 0, long: [], keys: [] };
    Object.assign(globalThis, { watching });
    const observe = (type: string, take: (entry: PerformanceEntry) => void, options = {}) =>
      new PerformanceObserver((list) => list.getEntries().forEach(take)).observe({ type, ...options });
    observe('long-animation-frame', ({ duration }) => watching.long.push(duration));
    const isKey = ({ name }: PerformanceEntry) => name === 'keydown';
    // What takes less than 16 ms is not reported, and counts as 16.
    observe('event', (entry) => isKey(entry) && watching.keys.push(entry.duration), {
      durationThreshold: 16,
    });
    const count = () => {
      watching.frames += 1;
      requestAnimationFrame(count);
    };
    requestAnimationFrame(count);
  });
  return async () => {
    const { frames, long, keys } = await page.evaluate(
      () => (globalThis as unknown as { watching: Watching }).watching,
    );
    keys.sort((a, b) => a - b);
    return {
      frames,
      longFrames: long.length,
      longestFrameMs: Math.max(0, ...long),
      keyMsP50: keys[keys.length >> 1] ?? 16,
      keyMsMax: keys.at(-1) ?? 16,
    };
  };
}
