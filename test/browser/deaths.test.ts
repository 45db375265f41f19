/** The page while processes of the server die. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { getHistory, getRun, question } from '../support/ask.ts';
import { patience, startBrowser, type TestBrowser } from '../support/browser.ts';
import { type ChaosProxy, startChaosProxy } from '../support/chaos-proxy.ts';
import { expectWhole, showsReconnecting, targetOf } from '../support/page-network.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let browser: TestBrowser;
let base: string;
let proxy: ChaosProxy;

beforeAll(async () => {
  [stack, browser] = await Promise.all([startStack(), startBrowser()]);
  base = String(stack.apis[0]?.url);
  proxy = await startChaosProxy({ target: targetOf(base) });
});
afterEach(async () => expect(await browser.closePages()).toEqual([]));
afterAll(async () => {
  await browser?.stop();
  await proxy?.stop();
  await stack?.stop();
});

it('an API process dies in mid-answer, another takes its address, and the page goes on', async () => {
  const api = await stack.startApi();
  proxy.retarget(targetOf(api.url));
  const directive = { deltas: 250, intervalMs: 20, seed: 25 };
  const chat = await browser.open(proxy.url());
  await chat.ask(question(directive));
  await chat.grows(200);
  await api.kill();
  await showsReconnecting(chat);
  const next = await stack.startApi();
  proxy.retarget(targetOf(next.url));
  await chat.reaches('completed');
  await expectWhole(base, chat, scriptedText(directive).join(''));
  expect((await chat.seen()).replacements).toBe(0);
  await chat.ask(question({ seed: 26 }));
  await expect.poll(() => chat.get('message').count(), patience).toBe(4);
  await chat.reaches('completed');
});

it('a worker dies in mid-answer: the half answer makes room for a whole one', async () => {
  const directive = { deltas: 120, intervalMs: 20, seed: 27 };
  const chat = await browser.open(proxy.url());
  await chat.ask(question(directive));
  await chat.grows(300);
  const { activeRun } = await getHistory(base, chat.conversationId());
  await stack.workers[0]?.kill();
  await stack.startWorker();
  await chat.reaches('completed');
  await expectWhole(base, chat, scriptedText(directive).join(''));
  expect((await chat.seen()).replacements).toBe(1);
  expect(await getRun(base, String(activeRun?.id))).toMatchObject({ status: 'completed', attempt: 2 });
});
