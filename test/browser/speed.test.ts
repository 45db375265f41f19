/** What a long or fast answer costs the page: it has to go on answering keys and scrolling. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { getHistory, question } from '../support/ask.ts';
import { type ChatPage, patience, startBrowser, type TestBrowser } from '../support/browser.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let browser: TestBrowser;
let base: string;

beforeAll(async () => {
  [stack, browser] = await Promise.all([startStack(), startBrowser()]);
  base = String(stack.apis[0]?.url);
});
afterEach(async () => expect(await browser.closePages()).toEqual([]));
afterAll(async () => {
  await browser?.stop();
  await stack?.stop();
});

/** Seconds, not milliseconds, where a machine is busy: only a cost that grows with the answer comes near it. */
const taskMsMax = 5_000;

interface Work {
  /** Frames in which the page was at work for more than 50 ms, and how long the longest of them took, in milliseconds. */
  readonly longFrames: number;
  readonly longestMs: number;
  readonly frames: number;
  /** Of the main thread, in milliseconds. */
  readonly taskMs: number;
  readonly scriptMs: number;
  readonly layoutMs: number;
}

/** Begins to measure; what it returns ends that. */
async function measure({ page }: ChatPage): Promise<() => Promise<Work>> {
  const session = await page.context().newCDPSession(page);
  // What the thread has computed, not how long it was waiting for a busy machine.
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const metrics = async () => {
    const all = new Map(
      (await session.send('Performance.getMetrics')).metrics.map(({ name, value }) => [name, value]),
    );
    const ms = (name: string) => (all.get(name) ?? 0) * 1_000;
    return {
      task: ms('TaskDuration'),
      script: ms('ScriptDuration'),
      layout: ms('LayoutDuration') + ms('RecalcStyleDuration'),
    };
  };
  await page.evaluate(() => {
    const work = { frames: 0, long: [] as number[] };
    Object.assign(globalThis, { work });
    new PerformanceObserver((list) =>
      work.long.push(...list.getEntries().map(({ duration }) => duration)),
    ).observe({
      type: 'long-animation-frame',
    });
    const count = () => {
      work.frames += 1;
      requestAnimationFrame(count);
    };
    requestAnimationFrame(count);
  });
  const before = await metrics();
  return async () => {
    const after = await metrics();
    const { frames, long } = await page.evaluate(
      () => (globalThis as unknown as { work: { frames: number; long: number[] } }).work,
    );
    return {
      frames,
      longFrames: long.length,
      longestMs: Math.round(Math.max(0, ...long)),
      taskMs: Math.round(after.task - before.task),
      scriptMs: Math.round(after.script - before.script),
      layoutMs: Math.round(after.layout - before.layout),
    };
  };
}

const inWords = ({ frames, longFrames, longestMs, taskMs, scriptMs, layoutMs }: Work) =>
  `${taskMs} ms of the main thread (${scriptMs} script, ${layoutMs} layout) in ${frames} frames; ${longFrames} frames over 50 ms, the longest ${longestMs} ms`;

/** Everything that an answer may have in it, again and again, with the colours and formulas that this takes. */
function rich(bytes: number): string {
  const section = (n: number) =>
    `## Part ${n}\n\nA paragraph with **bold** words, \`code\` and a [link](https://example.com/${n}). ${'It goes on for a while. '.repeat(12)}\n\n- one\n- two\n  - three\n\n| a | b |\n|---|---|\n| ${n} | x |\n\n\`\`\`ts\nexport const knot${n}: number = ${n} * 2; // a comment\nfor (const rope of ropes) hold(rope, knot${n});\n\`\`\`\n\n$$x_{${n}}^2$$\n\n`;
  let text = '';
  for (let n = 1; text.length < bytes; n++) text += section(n);
  return text;
}

it('an answer of 50 kB that comes in a hundred events a second is drawn frame by frame', async ({
  annotate,
}) => {
  const text = rich(50_000);
  const chat = await browser.open(base, { watch: false });
  const end = await measure(chat);
  await chat.ask(question({ text, deltas: 600, intervalMs: 10 }));
  await chat.reaches('completed');
  const work = await end();
  await annotate(inWords(work));
  expect((await chat.text()) === text).toBe(true);
  expect(await chat.last.locator('.katex').count()).toBeGreaterThan(50);
  await expect.poll(chat.belowSight, patience).toBeLessThan(33);
  expect(work.longestMs).toBeLessThan(taskMsMax);
});

it('an answer of 400 kB is shown whole, stays at its end, and the page can be used meanwhile', async ({
  annotate,
}) => {
  const directive = { bytes: 400_000, intervalMs: 40, seed: 11 };
  const whole = scriptedText(directive).join('');
  const chat = await browser.open(base, { watch: false });
  const end = await measure(chat);
  await chat.ask(question(directive));
  await chat.grows(50_000);
  const started = performance.now();
  await chat.get('composer').pressSequentially('the next question');
  const typedMs = performance.now() - started;
  expect(await chat.last.getAttribute('data-status')).toBe('answering');
  await chat.reaches('completed');
  const work = await end();
  await annotate(`${inWords(work)}; 17 keys took ${Math.round(typedMs)} ms`);
  expect((await chat.text()) === whole).toBe(true);
  const { messages } = await getHistory(base, chat.conversationId());
  expect(messages.at(-1)?.text === whole).toBe(true);
  expect(await chat.get('composer').inputValue()).toBe('the next question');
  await expect.poll(chat.belowSight, patience).toBeLessThan(33);
  expect(work.longestMs).toBeLessThan(taskMsMax);
});
