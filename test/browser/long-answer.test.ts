/** Long and fast answers. What they cost the page is measured by bench/figures/w02-rich-answer.ts. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { getHistory, question } from '../support/ask.ts';
import { patience, startBrowser, type TestBrowser } from '../support/browser.ts';
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

/** Everything that an answer may have in it, again and again, with the colours and formulas that this takes. */
function rich(bytes: number): string {
  const section = (n: number) =>
    `## Part ${n}\n\nA paragraph with **bold** words, \`code\` and a [link](https://example.com/${n}). ${'It goes on for a while. '.repeat(12)}\n\n- one\n- two\n  - three\n\n| a | b |\n|---|---|\n| ${n} | x |\n\n\`\`\`ts\nexport const knot${n}: number = ${n} * 2; // a comment\nfor (const rope of ropes) hold(rope, knot${n});\n\`\`\`\n\n$$x_{${n}}^2$$\n\n`;
  let text = '';
  for (let n = 1; text.length < bytes; n++) text += section(n);
  return text;
}

it('an answer of 50 kB in a hundred events a second: what was drawn once stays, with its colours and formulas', async () => {
  const text = rich(50_000);
  const chat = await browser.open(base, { watch: false });
  await chat.ask(question({ text, deltas: 600, intervalMs: 10 }));
  await chat.grows(30_000);
  const drawn = await chat.last.evaluateHandle((answer) =>
    [...answer.querySelectorAll('h2, table, pre, .katex')].slice(0, 60),
  );
  expect(await drawn.evaluate((elements) => elements.length)).toBe(60);
  await chat.reaches('completed');
  expect((await chat.text()) === text).toBe(true);
  expect(await drawn.evaluate((elements) => elements.every(({ isConnected }) => isConnected))).toBe(true);
  const parts = (text.match(/^## /gm) ?? []).length;
  expect(await chat.last.locator('.katex').count()).toBe(parts);
  // One of the words that the highlighter knows, in each block of code.
  const coloured = chat.last.locator('pre span[style*="light-dark"]', { hasText: /^export$/ });
  await expect.poll(() => coloured.count(), patience).toBe(parts);
  await expect.poll(chat.belowSight, patience).toBeLessThan(33);
});

it('an answer of 400 kB is shown whole, stays at its end, and the page can be used meanwhile', async () => {
  const directive = { bytes: 400_000, intervalMs: 40, seed: 11 };
  const whole = scriptedText(directive).join('');
  const chat = await browser.open(base, { watch: false });
  await chat.ask(question(directive));
  await chat.grows(50_000);
  await chat.get('composer').pressSequentially('the next question');
  expect(await chat.last.getAttribute('data-status')).toBe('answering');
  await chat.reaches('completed');
  expect((await chat.text()) === whole).toBe(true);
  const { messages } = await getHistory(base, chat.conversationId());
  expect(messages.at(-1)?.text === whole).toBe(true);
  expect(await chat.get('composer').inputValue()).toBe('the next question');
  await expect.poll(chat.belowSight, patience).toBeLessThan(33);
});
