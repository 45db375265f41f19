/**
 * That an answer arrives while it is being written. Proven by order, not by a clock: the model here says its next word only
 * after every reader has seen the one before. Were anything on the way to wait for more, nobody would ever move again.
 */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { applyEvent, emptyAnswer, followRun as followWithClient } from '../../packages/client/src/index.ts';
import { ask } from '../support/ask.ts';
import { followRun } from '../support/recorder.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';

/** One character, an emoji, a word, something that looks like the framing: small pieces are the ones that get held back. */
const words = Array.from(
  { length: 40 },
  (_, n) => ['a', '🪢', ' word', '\n\n', 'data: x\r'][n % 5] + String(n),
);

let model: http.Server;
let stack: Stack;
/** Set while the model waits to be allowed its next word. */
let sayNext: (() => void) | null = null;
/** Words that have left the model. */
let said = 0;

beforeAll(async () => {
  model = http.createServer((request, response) => {
    request.resume();
    void answer(response);
  });
  await new Promise<void>((resolve) => model.listen(0, '127.0.0.1', resolve));
  const { port } = model.address() as AddressInfo;
  stack = await startStack({
    apis: 2,
    env: { OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1`, UPSTREAM_IDLE_MS: '30000' },
  });
});
afterAll(async () => {
  await stack.stop();
  model.closeAllConnections();
  model.close();
});

async function answer(response: http.ServerResponse): Promise<void> {
  const write = (delta: object, finish: string | null) =>
    response.write(
      `data: ${JSON.stringify({ object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`,
    );
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const content of words) {
    write({ content }, null);
    said += 1;
    await new Promise<void>((resolve) => {
      sayNext = resolve;
    });
  }
  write({}, 'stop');
  response.end('data: [DONE]\n\n');
}

it('each delta reaches every reader before the model says the next one', async () => {
  const [first = '', second = ''] = stack.apis.map((api) => api.url);
  const { run } = await ask(first, 'Say it word by word.');

  /** How much of the text each reader shows: recorders on both processes, one of them asks for compression. */
  const shown = [0, 0, 0];
  const seen: number[] = [];
  const show = (reader: number, text: string): void => {
    shown[reader] = text.length;
    const all = words.slice(0, said).join('').length;
    if (!sayNext || !shown.every((length) => length === all)) return;
    seen.push(said);
    const allow = sayNext;
    sayNext = null;
    allow();
  };
  const url = (base: string) => `${base}${run.eventsUrl}`;
  const recorders = [
    followRun({ bases: [first], url, onEvent: (_event, { text }) => show(0, text) }),
    followRun({
      bases: [second],
      url,
      headers: { 'accept-encoding': 'gzip, deflate, br, zstd' },
      onEvent: (_event, { text }) => show(1, text),
    }),
  ];
  let state = emptyAnswer;
  const asTestUser: typeof fetch = (input, init) =>
    fetch(input, { ...init, headers: { ...testUser.headers, ...(init?.headers as Record<string, string>) } });
  for await (const event of followWithClient(url(second), { fetch: asTestUser })) {
    state = applyEvent(state, event);
    show(2, state.text);
  }
  await Promise.all(recorders.map((recorder) => recorder.done));

  expect(seen).toEqual(words.map((_, index) => index + 1));
  for (const { record } of recorders) {
    expect(record.violations).toEqual([]);
    expect(record.text).toBe(words.join(''));
    // started, one delta for each word, completed: nothing was collected.
    expect(record.ids).toHaveLength(words.length + 2);
    expect(record.connections).toHaveLength(1);
  }
  expect(state).toMatchObject({ text: words.join(''), status: 'completed' });
});
