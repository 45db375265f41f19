import { testUser } from '../../test/support/test-user.ts';
import { all, below, type Figure, type Measured, ratio } from '../figure.ts';
import { postIn, startConversation } from '../support/ask.ts';
import type { Context } from '../support/context.ts';
import {
  countMainThread,
  openPage,
  serveCompared,
  startChatServer,
  watchFrames,
} from '../support/web-page.ts';

const bytes = 50_000;
const deltas = 600;
const eventsPerSecond = 100;
const keyEveryMs = 250;
const readingMs = 1_000;

/** Words with some marks, and a list; `isRich`: with a table, code and a formula, too. Again and again. */
function textOf(isRich: boolean): string {
  const section = (n: number) =>
    `## Part ${n}\n\nA paragraph with **bold** words, \`code\` and a [link](https://example.com/${n}). ${'It goes on for a while. '.repeat(12)}\n\n- one\n- two\n  - three\n\n${isRich ? richPart(n) : ''}`;
  const richPart = (n: number) =>
    `| a | b |\n|---|---|\n| ${n} | x |\n\n\`\`\`ts\nexport const knot${n}: number = ${n} * 2; // a comment\nfor (const rope of ropes) hold(rope, knot${n});\n\`\`\`\n\n$$x_{${n}}^2$$\n\n`;
  let text = '';
  for (let n = 1; text.length < bytes; n++) text += section(n);
  return text;
}

const texts = { rich: textOf(true), words: textOf(false) };

/** An answer from its question to its end, while somebody types; `address`: of the page that shows a conversation. */
async function measure(
  context: Context,
  addressOf: (api: string, context: Context) => Promise<string>,
  text = texts.rich,
): Promise<Measured> {
  const directive = JSON.stringify({ text, deltas, intervalMs: 1_000 / eventsPerSecond });
  const api = await startChatServer(context);
  const address = await addressOf(api, context);
  const page = await openPage(context, address);
  const question = { base: api, headers: testUser.headers, text: `@@${directive}@@` };
  const id = await startConversation(question);
  const isLive = page.waitForResponse((response) => response.url().includes(`/api/events?follow=${id}`));
  await page.goto(`${address}#${id}`);
  await isLive;
  // Nobody asks in the moment in which the page is there.
  await page.waitForTimeout(readingMs);
  const [computed, felt] = [await countMainThread(page), await watchFrames(page)];
  await postIn(id, question);
  const composer = page.getByTestId('composer');
  await composer.focus();
  const end = page.locator('[data-role=assistant][data-status=completed]').waitFor({ timeout: 60_000 });
  let isOver = false;
  void end.then(() => {
    isOver = true;
  });
  while (!isOver) {
    await page.keyboard.press('a');
    await Promise.race([end, page.waitForTimeout(keyEveryMs)]);
  }
  const shown = await page.locator('[data-role=assistant]').last().textContent();
  const parts = text.match(/## Part \d+/g) ?? [];
  if (!parts.every((part) => shown?.includes(part.slice(3))))
    throw new Error('a part of the answer is missing');
  return { value: (await computed()).taskMs, ...(await computed()), ...(await felt()) };
}

const ownPage = async (api: string) => `${api}/`;
const compared = (name: string) => async (api: string, context: Context) =>
  `${(await serveCompared(context, api)).url}/${name}.html`;

export const figure: Figure = {
  id: 'W2',
  title: `An answer of 50 kB with code, tables and formulas, ${eventsPerSecond} events a second, while somebody types`,
  unit: 'ms of the main thread for the whole answer; frames, those over 50 ms, the longest (0: none over 50), and from a key to its frame, in ms',
  goal: 'no frame and no key over 50 ms; less of the main thread than Streamdown given the whole text',
  sides: [
    { name: 'Holdfast', measure: (context) => measure(context, ownPage) },
    { name: 'Holdfast, words and lists', measure: (context) => measure(context, ownPage, texts.words) },
    { name: 'Streamdown', measure: (context) => measure(context, compared('streamdown')) },
    { name: 'plain text', measure: (context) => measure(context, compared('plain')) },
  ],
  verdict: (medians) =>
    all(
      below('longest frame', medians['Holdfast']?.['longestFrameMs'], 50, 'ms'),
      below(
        'longest frame of words and lists',
        medians['Holdfast, words and lists']?.['longestFrameMs'],
        50,
        'ms',
      ),
      below('slowest key', medians['Holdfast']?.['keyMsMax'], 50, 'ms'),
      ratio('Streamdown', medians['Holdfast']?.['value'], medians['Streamdown']?.['value'], { atMost: 1 }),
    ),
};
