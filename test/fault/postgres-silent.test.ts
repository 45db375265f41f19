/**
 * A network that drops packets and tells nobody, as a NAT that forgot its connections does: the old connections to
 * Postgres are open and silent for ever, new ones work. The kernel would notice after a quarter of an hour.
 */
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { ask, call, createConversation, follow, getHistory, question } from '../support/ask.ts';
import { type ChaosProxy, startChaosProxy } from '../support/chaos-proxy.ts';
import { type Stack, startStack } from '../support/stack.ts';

/** Every connection goes through `door`; the first ones go on through `oldWay`. */
let door: ChaosProxy;
let oldWay: ChaosProxy;
let stack: Stack;
let base: string;
beforeAll(async () => {
  const { hostname: host, port } = new URL(inject('postgresUrl'));
  oldWay = await startChaosProxy({ target: { host, port: Number(port) } });
  door = await startChaosProxy({ target: { host: '127.0.0.1', port: oldWay.port } });
  stack = await startStack({
    postgresUrl: (own) => {
      const url = new URL(own);
      url.port = String(door.port);
      return url.href;
    },
  });
  base = stack.apis[0]?.url ?? '';
});
afterAll(async () => {
  await stack?.stop();
  await door?.stop();
  await oldWay?.stop();
});

it('connections that fall silent are replaced: the answer under way goes on, and the next question is answered', async () => {
  const directive = { deltas: 60, intervalMs: 50, seed: 41 };
  const { run } = await ask(base, question(directive));
  let reading: (() => void) | null = null;
  const underWay = new Promise<void>((resolve) => {
    reading = resolve;
  });
  const reader = follow([base], run, {
    onEvent: (_event, { ids }) => {
      if (ids.length === 5) reading?.();
    },
  });
  await underWay;

  const { hostname: host, port } = new URL(inject('postgresUrl'));
  door.retarget({ host, port: Number(port) });
  await oldWay.blackhole();

  const record = await reader;
  expect(record.violations).toEqual([]);
  expect(record.text).toBe(scriptedText(directive).join(''));
  expect(record.terminal?.type).toBe('completed');

  // Each connection of the pool costs one request its time, once.
  await expect
    .poll(async () => (await call(base, 'GET', '/api/conversations')).status, {
      timeout: 60_000,
      interval: 100,
    })
    .toBe(200);
  const conversation = await createConversation(base);
  const next = await ask(base, question({ deltas: 5, seed: 42 }), conversation.id);
  expect((await follow([base], next.run)).text).toBe(scriptedText({ deltas: 5, seed: 42 }).join(''));
  expect((await getHistory(base, run.conversationId)).messages.at(-1)?.status).toBe('completed');
});
