/**
 * A network that drops packets and tells nobody, as a NAT that forgot its connections does: the old connections to a
 * store are open and silent for ever, new ones work. The kernel would notice after a quarter of an hour.
 */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { ask, call, createConversation, follow, getHistory, question } from '../support/ask.ts';
import { type ChaosProxy, startChaosProxy } from '../support/chaos-proxy.ts';
import { type Stack, startStack } from '../support/stack.ts';

const throughPort = (url: string, port: number): string =>
  Object.assign(new URL(url), { port: String(port) }).href;

describe.each(['redisUrl', 'postgresUrl'] as const)(
  'connections to the store at %s that fall silent',
  (name) => {
    /** Every connection goes through `door`; the first ones go on through `oldWay`. */
    let door: ChaosProxy;
    let oldWay: ChaosProxy;
    let stack: Stack;
    let base: string;
    const store = () => {
      const { hostname, port } = new URL(inject(name));
      return { host: hostname, port: Number(port) };
    };
    beforeAll(async () => {
      oldWay = await startChaosProxy({ target: store() });
      door = await startChaosProxy({ target: { host: '127.0.0.1', port: oldWay.port } });
      const throughDoor = (url: string) => throughPort(url, door.port);
      stack = await startStack(
        name === 'redisUrl' ? { redisUrl: throughDoor(inject(name)) } : { postgresUrl: throughDoor },
      );
      base = stack.apis[0]?.url ?? '';
    });
    afterAll(async () => {
      await stack?.stop();
      await door?.stop();
      await oldWay?.stop();
    });

    it('are replaced: the answer under way goes on, and the next question is answered', async () => {
      const directive = { deltas: 60, intervalMs: 50, seed: 41 };
      const { run } = await ask(base, question(directive));
      const underWay = Promise.withResolvers<void>();
      const reader = follow([base], run, {
        onEvent: (_event, { ids }) => {
          if (ids.length === 5) underWay.resolve();
        },
      });
      await underWay.promise;
      door.retarget(store());
      await oldWay.blackhole();

      const record = await reader;
      expect(record.violations).toEqual([]);
      expect(record.text).toBe(scriptedText(directive).join(''));
      expect(record.terminal?.type).toBe('completed');

      // Each old connection of a pool costs one request its time, once.
      await expect
        .poll(async () => (await call(base, 'GET', '/api/conversations')).status, {
          timeout: 60_000,
          interval: 100,
        })
        .toBe(200);
      const next = await ask(base, question({ deltas: 5, seed: 42 }), (await createConversation(base)).id);
      const { text } = await follow([base], next.run);
      expect(text).toBe(scriptedText({ deltas: 5, seed: 42 }).join(''));
      expect((await getHistory(base, run.conversationId)).messages.at(-1)?.status).toBe('completed');
    });
  },
);
