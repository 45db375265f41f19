/** Going on with an answer that was stopped, failed or cut at its longest. */
import type { RunView } from '@holdfast/shared/http/schemas.ts';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { ask, call, getHistory, question } from '../support/ask.ts';
import { firstUrl, logEntries, patience, storedEnd, workerOf } from '../support/inspect.ts';
import { followRun } from '../support/recorder.ts';
import { closeChats, last, openChat, reaches } from '../support/sdk-chats.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let base: string;
beforeAll(async () => {
  stack = await startStack({ workers: 2, env: { WORKER_LEASE_MS: '3000' } });
  base = firstUrl(stack);
});
afterEach(closeChats);
afterAll(() => stack.stop());

const proceed = (messageId: string) =>
  call<{ run: RunView }>(base, 'POST', `/api/messages/${messageId}/continue`);
const cancel = (run: RunView) => call(base, 'POST', `/api/runs/${run.id}/cancel`);
const reader = (run: RunView) => followRun({ bases: [base], url: (each) => `${each}${run.eventsUrl}` });

/** An answer that the provider cut at its longest. */
async function cutAnswer(): Promise<{ messageId: string; conversationId: string; text: string }> {
  const { run } = await ask(base, question({ deltas: 20, fault: 'length', atDelta: 8 }));
  await storedEnd(stack, run.id);
  const { messages } = await getHistory(base, run.conversationId);
  const answer = messages.at(-1);
  expect(answer).toMatchObject({ id: run.messageId, status: 'completed', finishReason: 'length' });
  return { messageId: run.messageId, conversationId: run.conversationId, text: answer?.text ?? '' };
}

it('an answer is continued beside itself: the new one begins with its text, and the model is asked to go on', async () => {
  const { messageId, conversationId, text } = await cutAnswer();
  const reply = await proceed(messageId);
  expect(reply.status).toBe(202);
  const { run } = reply.body;
  const following = reader(run);
  await expect.poll(() => following.record.text.length, patience).toBeGreaterThan(text.length);
  await cancel(run);
  await following.done;
  await storedEnd(stack, run.id);

  const { messages } = await getHistory(base, conversationId);
  const continued = messages.at(-1);
  expect(continued).toMatchObject({ siblings: { ids: [messageId, run.messageId], position: 2 } });
  expect(continued?.text.startsWith(text)).toBe(true);
  expect(continued?.text).toBe(following.record.text);
  expect(following.record.violations).toEqual([]);
});

it('when its worker dies, a continued answer begins again where the first one stopped, and not from nothing', async () => {
  const { messageId, text } = await cutAnswer();
  const { run } = (await proceed(messageId)).body;
  const following = reader(run);
  await expect.poll(() => following.record.text.length, patience).toBeGreaterThan(text.length);
  await (await workerOf(stack, [...stack.workers], run.id)).kill();
  const again = async () => (await logEntries(stack, run.id)).find(({ id }) => id === '2-0');
  await expect.poll(again, patience).toMatchObject({ type: 'snapshot', data: { text } });
  await expect.poll(() => following.record.text.length, patience).toBeGreaterThan(text.length);
  await cancel(run);
  await following.done;
  expect(following.record.text.startsWith(text)).toBe(true);
  expect(following.record.violations).toEqual([]);
});

it('what is no answer, or not one yet, is not continued', async () => {
  const { message, run } = await ask(base, question({ deltas: 500, intervalMs: 20 }));
  expect(await proceed(message.id)).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
  expect(await proceed(run.messageId)).toMatchObject({ status: 409, body: { code: 'conversation_busy' } });
  await cancel(run);
  await storedEnd(stack, run.id);
  expect(await proceed(run.messageId)).toMatchObject({ status: 202 });
});

it('the chat of the SDK shows what it goes on with, and both versions', async () => {
  const chat = openChat({ baseUrl: base });
  await chat.ask(question({ deltas: 20, fault: 'length', atDelta: 8 }));
  await reaches(chat, 'completed');
  const { id, text, finishReason } = last(chat) ?? {};
  expect(finishReason).toBe('length');
  expect(await chat.continueAnswer(String(id))).toBe(true);
  await expect.poll(() => last(chat)?.text.length, patience).toBeGreaterThan(String(text).length);
  await chat.stop();
  await reaches(chat, 'stopped');
  const continued = last(chat);
  expect(continued?.text.startsWith(String(text))).toBe(true);
  await expect.poll(() => last(chat)?.siblings, patience).toEqual({ ids: [id, continued?.id], position: 2 });
});
