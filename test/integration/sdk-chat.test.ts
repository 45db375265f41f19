/** `createChat` of the SDK, as a page uses it, against a real server. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { accountsAt } from '../support/accounts.ts';
import { getHistory, getRun, question } from '../support/ask.ts';
import { type ChaosProxy, startChaosProxy } from '../support/chaos-proxy.ts';
import { patience } from '../support/inspect.ts';
import { createMemoryStorage } from '../support/memory-storage.ts';
import { closeChats, last, openChat, reaches, settles, shown } from '../support/sdk-chats.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';

let stack: Stack;
let base: string;
let proxy: ChaosProxy;

beforeAll(async () => {
  stack = await startStack();
  base = String(stack.apis[0]?.url);
  proxy = await startChaosProxy({ target: { host: '127.0.0.1', port: Number(new URL(base).port) } });
});
afterEach(closeChats);
afterAll(async () => {
  await proxy?.stop();
  await stack?.stop();
});

const textOf = (directive: Parameters<typeof scriptedText>[0]) => scriptedText(directive).join('');

it('a question is shown at once, answered as it is written, and ends as history has it', async () => {
  const directive = { deltas: 40, intervalMs: 10, seed: 1 };
  const chat = openChat({ baseUrl: base });
  const lengths = new Set<number>();
  let notices = 0;
  chat.subscribe(() => {
    notices += 1;
    lengths.add(last(chat)?.text.length ?? 0);
  });
  const accepted = chat.ask(question(directive));
  expect(chat.getState()).toMatchObject({
    conversationId: null,
    status: 'queued',
    messages: [{ role: 'user', status: 'sending', isPending: true, author: { isMe: true } }],
  });
  const { key } = last(chat) ?? {};
  expect(await accepted).toBe(true);
  await reaches(chat, 'completed');
  await settles(chat, 'idle');

  const { conversationId, messages } = chat.getState();
  const history = await getHistory(base, String(conversationId));
  await expect.poll(() => chat.getState().messages[1]?.usage, patience).not.toBeNull();
  expect(messages).toHaveLength(2);
  expect(messages[0]).toMatchObject({
    key,
    id: history.messages[0]?.id,
    isPending: false,
    author: { isMe: true },
  });
  expect(messages[1]).toMatchObject({ text: textOf(directive), author: null, problem: null });
  await expect.poll(() => last(chat)?.durationMs, patience).toBeGreaterThan(0);
  expect(lengths.size).toBeGreaterThan(3);
  expect(notices).toBeLessThan(200);
});

it('a message that has not changed stays the same object, and so does a state that says the same', async () => {
  const chat = openChat({ baseUrl: base });
  await chat.ask(question({ deltas: 2, seed: 2 }));
  await reaches(chat, 'completed');
  await settles(chat, 'idle');
  await expect.poll(() => last(chat)?.durationMs, patience).not.toBeNull();
  await expect.poll(() => last(chat)?.siblings, patience).not.toBeNull();
  const before = chat.getState();
  expect(chat.getState()).toBe(before);
  await chat.ask(question({ deltas: 60, intervalMs: 10, seed: 3 }));
  await expect.poll(() => last(chat)?.text.length, patience).toBeGreaterThan(20);
  const after = chat.getState();
  expect(after.messages[0]).toBe(before.messages[0]);
  expect(after.messages[1]).toBe(before.messages[1]);
  expect(after.messages[3]).not.toBe(before.messages[1]);
  await chat.stop();
  await settles(chat, 'stopped');
});

it('stop, regenerate, edit and the switch between versions show what the server has', async () => {
  const chat = openChat({ baseUrl: base });
  await chat.ask(question({ deltas: 500, intervalMs: 20, seed: 4 }, 'Tell me of the sea.'));
  await settles(chat, 'answering');
  expect(await chat.stop()).toBe(true);
  await settles(chat, 'stopped');
  const stopped = last(chat);
  await expect.poll(() => chat.getState().runId, patience).toBeNull();

  expect(await chat.regenerate(String(stopped?.id))).toBe(true);
  await expect.poll(() => last(chat)?.id !== stopped?.id && last(chat)?.status, patience).toBe('answering');
  await chat.stop();
  await settles(chat, 'stopped');
  await expect.poll(() => last(chat)?.siblings, patience).toMatchObject({ position: 2 });

  expect(await chat.showVersion(String(last(chat)?.id), String(stopped?.id))).toBe(true);
  expect(last(chat)).toMatchObject({ id: stopped?.id, text: stopped?.text });

  const prompt = chat.getState().messages[0];
  const edited = question({ deltas: 3, seed: 5 }, 'Tell me of the hills.');
  const accepted = chat.edit(String(prompt?.id), edited);
  expect(shown(chat)).toEqual([{ role: 'user', text: edited }]);
  expect(await accepted).toBe(true);
  await reaches(chat, 'completed');
  await expect.poll(() => chat.getState().messages[0]?.siblings, patience).toMatchObject({ position: 2 });
  expect(shown(chat)).toEqual([
    { role: 'user', text: edited },
    { role: 'assistant', text: textOf({ deltas: 3, seed: 5 }) },
  ]);

  const other = openChat({ baseUrl: base }, { conversationId: chat.getState().conversationId });
  await expect.poll(() => shown(other), patience).toEqual(shown(chat));
});

it('what is written while the network is gone is stored once, also when the page is loaded again meanwhile', async () => {
  const storage = createMemoryStorage();
  const first = openChat({ baseUrl: proxy.url() }, { storage });
  await first.ask(question({ deltas: 2, seed: 6 }));
  await reaches(first, 'completed');
  const { conversationId } = first.getState();

  await proxy.refuse();
  proxy.reset();
  void first.ask(question({ deltas: 3, seed: 7 }, 'From a tunnel.'));
  expect(last(first)).toMatchObject({ status: 'sending', isPending: true });
  await expect.poll(() => last(first)?.status, patience).toBe('waiting');
  expect(first.getState()).toMatchObject({ status: 'reconnecting', isOffline: true });
  first.close();

  const second = openChat({ baseUrl: proxy.url() }, { storage, conversationId });
  await expect.poll(() => second.getState().problem?.code, patience).toBe('unreachable');
  await proxy.pass();
  void second.retry();
  await reaches(second, 'completed');
  expect(last(second)?.text).toBe(textOf({ deltas: 3, seed: 7 }));
  const { messages } = await getHistory(base, String(conversationId));
  expect(messages.filter(({ text }) => text.startsWith('From a tunnel.'))).toHaveLength(1);
  expect(storage.length).toBe(0);
});

it('a message whose acceptance was lost on the way is shown and stored once', async () => {
  const chat = openChat({ baseUrl: proxy.url() });
  await chat.ask(question({ deltas: 2, seed: 8 }));
  await reaches(chat, 'completed');
  await settles(chat, 'idle');
  // The request goes through, its answer does not.
  proxy.pause('reply');
  const accepted = chat.ask(question({ deltas: 2, seed: 9 }, 'Only once.'));
  const id = String(chat.getState().conversationId);
  const once = async () =>
    (await getHistory(base, id)).messages.filter(({ text }) => text.startsWith('Only once.')).length;
  await expect.poll(once, patience).toBe(1);
  proxy.reset();
  proxy.resume('reply');
  expect(await accepted).toBe(true);
  await reaches(chat, 'completed');
  expect(await once()).toBe(1);
  expect(shown(chat).filter(({ text }) => text.startsWith('Only once.'))).toHaveLength(1);
});

it('what was kept of an answer goes on where it was, and nothing of it is sent again', async () => {
  const directive = { deltas: 200, intervalMs: 20, seed: 10 };
  const storage = createMemoryStorage();
  const first = openChat({ baseUrl: base }, { storage });
  await first.ask(question(directive));
  await expect.poll(() => last(first)?.text.length, patience).toBeGreaterThan(100);
  const { conversationId } = first.getState();
  const kept = last(first)?.text ?? '';
  first.close();

  const cursors: (string | null)[] = [];
  const watched: typeof fetch = (input, init) => {
    if (String(input).includes('/events')) cursors.push(new Headers(init?.headers).get('last-event-id'));
    return fetch(input, init);
  };
  const second = openChat({ baseUrl: base, fetch: watched }, { storage, conversationId });
  const lengths: number[] = [];
  second.subscribe(() => lengths.push(last(second)?.text.length ?? 0));
  await reaches(second, 'completed');
  expect(last(second)?.text).toBe(textOf(directive));
  expect(cursors[0]).toMatch(/~/);
  const answered = lengths.filter((length) => length > 0 && length < kept.length);
  expect(answered.filter((length) => length !== question(directive).length)).toEqual([]);
});

it('a refusal goes to the person at once, with when to come back, and the same message goes out when it is retried', async () => {
  const { token, user } = (await accountsAt(base).guest()).body;
  const limit = (limits: object) =>
    stack.db.query('update users set limits = $2 where id = $1', [user.id, JSON.stringify(limits)]);
  await limit({ tokensPerDay: 1 });
  const sent: (string | null)[] = [];
  const watched: typeof fetch = (input, init) => {
    if (String(input).endsWith('/messages') && init?.method === 'POST')
      sent.push(new Headers(init.headers).get('idempotency-key'));
    return fetch(input, init);
  };
  const chat = openChat({ baseUrl: base, token, fetch: watched });
  expect(await chat.ask(question({ deltas: 2, seed: 11 }))).toBe(false);
  expect(chat.getState().status).toBe('failed');
  expect(last(chat)).toMatchObject({
    status: 'rejected',
    problem: { code: 'token_limit_reached', isRetryable: true, retryAtMs: expect.any(Number) },
  });
  expect(sent).toHaveLength(1);
  expect(await chat.ask('Never mind.')).toBe(false);
  expect(chat.withdraw(String(last(chat)?.id))).toBe('Never mind.');
  const [key, other] = sent.splice(0);
  expect(other).not.toBe(key);

  await limit({});
  // The API remembers for a moment who somebody is.
  const status = async () => {
    if (last(chat)?.status === 'rejected') await chat.retry();
    return last(chat)?.status;
  };
  await expect.poll(status, patience).toBe('completed');
  expect(new Set(sent)).toEqual(new Set([key]));
});

it('what is asked elsewhere appears by itself, with the name of who asked, and old messages when they are wanted', async () => {
  const chat = openChat({ baseUrl: base });
  await chat.ask(question({ deltas: 2, seed: 12 }));
  await reaches(chat, 'completed');
  const other = openChat({ baseUrl: base }, { conversationId: chat.getState().conversationId });
  await expect.poll(() => shown(other).length, patience).toBe(2);
  await other.ask(question({ deltas: 2, seed: 13 }));
  await reaches(other, 'completed');
  await expect.poll(() => shown(chat), patience).toEqual(shown(other));
  expect(chat.getState().messages[2]?.author).toMatchObject({
    id: testUser.id,
    name: 'Test user',
    isMe: true,
  });
  const run = await getRun(base, String(last(chat)?.runId));
  expect(run.status).toBe('completed');

  const { conversationId } = chat.getState();
  const paged = openChat({ baseUrl: base }, { conversationId, pageSize: 2 });
  await expect.poll(() => shown(paged), patience).toEqual(shown(chat).slice(2));
  expect(paged.getState().hasOlder).toBe(true);
  await paged.loadOlder();
  expect(shown(paged)).toEqual(shown(chat));
  expect(paged.getState().hasOlder).toBe(false);
  await paged.loadDuration(String(last(paged)?.id));
  expect(last(paged)?.durationMs).toBe(last(chat)?.durationMs);
});
