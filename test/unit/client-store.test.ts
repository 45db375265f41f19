import fc from 'fast-check';
import { expect, test } from 'vitest';
import { holdChat } from '../../packages/client/src/chat/held.ts';
import { hold } from '../../packages/client/src/chat/hold.ts';
import { createStore, keepSame } from '../../packages/client/src/store.ts';
import { conversationOf, historyOf, json, messageOf, startApi } from './client-api.ts';

test('a state is computed when somebody looks, once for each change, and told once for many', async () => {
  let computed = 0;
  const store = createStore(() => ({ computed: ++computed }));
  let told = 0;
  const stop = store.subscribe(() => told++);
  for (let n = 0; n < 100; n += 1) store.changed();
  expect([computed, told]).toEqual([0, 0]);
  expect(store.getState()).toBe(store.getState());
  expect(computed).toBe(1);
  await expect.poll(() => told).toBe(1);
  stop();
  store.changed();
  store.close();
  expect(store.getState()).toEqual({ computed: 2 });
  expect(told).toBe(1);
});

test('what says the same stays the same object, at any depth', () => {
  const before = {
    list: [
      { id: 1, tags: ['a'] },
      { id: 2, tags: [] },
    ],
    name: 'x',
    other: null,
  };
  const next = keepSame(before, {
    list: [
      { id: 1, tags: ['a'] },
      { id: 2, tags: ['b'] },
    ],
    name: 'x',
    other: null,
  });
  expect(next.list[0]).toBe(before.list[0]);
  expect(next.list[1]).not.toBe(before.list[1]);
  expect(keepSame(before, structuredClone(before))).toBe(before);
  const map = new Map();
  expect(keepSame({ map: new Map() }, { map }).map).toBe(map);
});

test('whatever was there before, the state says what it should say', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (before, next) => {
      expect(keepSame(before, next)).toEqual(next);
    }),
    { examples: [[{}, JSON.parse('{"__proto__": [1]}')]] },
  );
});

test('what is held is made with the first subscription, and closed when the last one stays away', async () => {
  const events: string[] = [];
  const store = createStore(() => 'open');
  const held = hold(() => {
    events.push('made');
    return { ...store, close: () => events.push('closed') };
  }, 'initial');
  expect(held.getState()).toBe('initial');
  // React mounts, unmounts and mounts again, to find mistakes.
  held.subscribe(() => {})();
  const stop = held.subscribe(() => {});
  expect(held.getState()).toBe('open');
  expect(events).toEqual(['made']);
  stop();
  stop();
  await expect.poll(() => events).toEqual(['made', 'closed']);
});

test('what is held goes on where it was when it is shown again: in the conversation that was open last', async () => {
  await using api = await startApi({
    'GET /api/conversations/b': json(conversationOf('b')),
    'GET /api/conversations/b/messages': json(historyOf([messageOf('q')])),
  });
  const { held, actions } = holdChat({ client: api.client, storage: null });
  const hide = held.subscribe(() => {});
  await actions.open('b');
  hide();
  const closed = held.get();
  await expect.poll(() => held.get()).not.toBe(closed);
  const leave = held.subscribe(() => {});
  await expect.poll(() => held.getState()).toMatchObject({ conversationId: 'b', messages: [{ id: 'q' }] });
  leave();
});
