/** What the provider is asked: exactly what the user, the conversation and the operator said. */

import type { AcceptedMessage, RunView } from '@holdfast/shared/http/schemas.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { call, createConversation, follow, question } from '../support/ask.ts';
import { firstUrl } from '../support/inspect.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let base: string;
beforeAll(async () => {
  stack = await startStack({
    env: { OPENAI_ORG_ID: 'org-of-the-operator', OPENAI_MODELS: 'other-model, third-model' },
  });
  base = firstUrl(stack);
});
afterAll(() => stack.stop());

async function post(conversationId: string, body: object): Promise<RunView> {
  const reply = await call<AcceptedMessage>(
    base,
    'POST',
    `/api/conversations/${conversationId}/messages`,
    body,
  );
  expect(reply.status).toBe(202);
  return reply.body.run;
}

const streaming = { stream: true, stream_options: { include_usage: true } };

it('every parameter, the model and the organisation reach the provider as they were given', async () => {
  const parameters = {
    temperature: 0.3,
    top_p: 0.9,
    max_tokens: 1_234,
    stop: ['END', '\n\n'],
    presence_penalty: -1.5,
    frequency_penalty: 1.25,
    logit_bias: { '50256': -100, '7': 0.5 },
    seed: 42,
    n: 1,
  };
  const conversation = await createConversation(base);
  const text = question({ echo: true });
  const run = await post(conversation.id, { text, model: 'other-model', parameters });
  const record = await follow([base], run);
  expect(record.violations).toEqual([]);
  const asked = {
    model: 'other-model',
    messages: [{ role: 'user', content: text }],
    ...parameters,
    ...streaming,
  };
  expect(JSON.parse(record.text)).toEqual(asked);
  const entry = stack.upstream.journal().at(-1);
  expect(entry).toMatchObject({
    body: asked,
    model: 'other-model',
    headers: { authorization: true, organization: 'org-of-the-operator', retryCount: '0' },
  });
  expect(run.model).toBe('other-model');
});

it('nothing is added that nobody asked for', async () => {
  const conversation = await createConversation(base);
  const text = question({ echo: true });
  const record = await follow([base], await post(conversation.id, { text }));
  expect(JSON.parse(record.text)).toEqual({
    model: 'stand-in',
    messages: [{ role: 'user', content: text }],
    ...streaming,
  });
});

it('a message overlays the parameters and the model of its conversation, one by one', async () => {
  const conversation = await createConversation(base, {
    model: 'third-model',
    parameters: { temperature: 0, top_p: 0.5, stop: 'STOP' },
  });
  const text = question({ echo: true });
  const first = await follow(
    [base],
    await post(conversation.id, { text, parameters: { temperature: 1.5, seed: -7 } }),
  );
  expect(JSON.parse(first.text)).toMatchObject({
    model: 'third-model',
    temperature: 1.5,
    top_p: 0.5,
    stop: 'STOP',
    seed: -7,
  });
  const second = await follow([base], await post(conversation.id, { text, model: 'stand-in' }));
  const asked = JSON.parse(second.text);
  expect(asked).toMatchObject({ model: 'stand-in', temperature: 0, top_p: 0.5, stop: 'STOP' });
  expect(asked).not.toHaveProperty('seed');
});

it('the system prompt and the whole conversation so far come first, also what was broken off, but no empty answers', async () => {
  const systemPrompt = 'You are a "lighthouse".\n你好 👋';
  const conversation = await createConversation(base, { systemPrompt });
  const directive = { deltas: 6, seed: 5 };
  const questions = [
    question(directive, 'First\u2028'),
    question({ deltas: 8, seed: 6, fault: 'length', atDelta: 3 }),
    question({ status: 400, code: 'content_policy_violation' }, 'Refused'),
    question({ echo: true }, 'Last'),
  ];
  let last = '';
  for (const text of questions) last = (await follow([base], await post(conversation.id, { text }))).text;
  expect(JSON.parse(last).messages).toEqual([
    { role: 'system', content: systemPrompt },
    { role: 'user', content: questions[0] },
    { role: 'assistant', content: scriptedText(directive).join('') },
    { role: 'user', content: questions[1] },
    { role: 'assistant', content: scriptedText({ deltas: 8, seed: 6 }).slice(0, 3).join('') },
    { role: 'user', content: questions[2] },
    { role: 'user', content: questions[3] },
  ]);
});

it('an answer that is asked for again is asked with the conversation up to its question', async () => {
  const conversation = await createConversation(base);
  const text = question({ echo: true });
  const first = await post(conversation.id, { text });
  await follow([base], first);
  await follow([base], await post(conversation.id, { text: question({ deltas: 2 }) }));
  const again = await call<{ run: RunView }>(base, 'POST', `/api/messages/${first.messageId}/regenerate`, {
    parameters: { temperature: 2 },
  });
  expect(again.status).toBe(202);
  const record = await follow([base], again.body.run);
  expect(JSON.parse(record.text)).toMatchObject({
    messages: [{ role: 'user', content: text }],
    temperature: 2,
  });
});

it('max_tokens goes out under the name that the operator chose', async () => {
  const other = await startStack({ env: { OPENAI_MAX_TOKENS_FIELD: 'max_completion_tokens' } });
  try {
    const url = firstUrl(other);
    const conversation = await createConversation(url, { parameters: { max_tokens: 9 } });
    const text = question({ echo: true });
    const reply = await call<AcceptedMessage>(url, 'POST', `/api/conversations/${conversation.id}/messages`, {
      text,
    });
    const asked = JSON.parse((await follow([url], reply.body.run)).text);
    expect(asked).toMatchObject({ max_completion_tokens: 9 });
    expect(asked).not.toHaveProperty('max_tokens');
    expect(other.upstream.journal()[0]?.headers.organization).toBeNull();
  } finally {
    await other.stop();
  }
});
