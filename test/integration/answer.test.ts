import { afterAll, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { ask, follow, getHistory, getRun, question } from '../support/ask.ts';

import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let base: string;
beforeAll(async () => {
  stack = await startStack();
  base = stack.apis[0]?.url ?? '';
});
afterAll(() => stack.stop());

it('a question becomes a job, a worker answers it, and history then holds the same text and its usage', async () => {
  const directive = { deltas: 40, intervalMs: 5, seed: 7 };
  const { run, message } = await ask(base, question(directive));
  expect(run.status).toBe('queued');

  const record = await follow([base], run);
  const text = scriptedText(directive).join('');
  expect(record.violations).toEqual([]);
  expect(record.text).toBe(text);
  expect(record.terminal?.type).toBe('completed');

  const history = await getHistory(base, run.conversationId);
  expect(history.activeRun).toBeNull();
  expect(history.messages.map((each) => each.id)).toEqual([message.id, run.messageId]);
  expect(history.messages[1]).toMatchObject({
    role: 'assistant',
    text,
    status: 'completed',
    finishReason: 'stop',
  });
  expect(history.messages[1]?.usage?.estimated).toBe(false);
  expect(await getRun(base, run.id)).toMatchObject({ status: 'completed', attempt: 1 });
});
