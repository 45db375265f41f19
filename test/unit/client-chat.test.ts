/** `createChat` where a server answers late, twice or not at all. */
import { expect, test } from 'vitest';
import { forgetKept } from '../../packages/client/src/chat.ts';
import { createMemoryStorage } from '../support/memory-storage.ts';
import { conversationOf, historyOf, json, messageOf, runOf, startApi } from './client-api.ts';
import { refuse } from './client-server.ts';

/** Longer than anything takes on a busy machine. */
const soon = <T>(look: () => T) => expect.poll(look, { timeout: 10_000, interval: 5 });

const question = messageOf('q');
test('nothing is kept by a chat that goes on after what was kept is forgotten', async () => {
  const storage = createMemoryStorage();
  await using api = await startApi({
    'GET /api/conversations/c': json(conversationOf('c')),
    'GET /api/conversations/c/messages': json(historyOf([question], runOf('r'))),
  });
  const chat = api.chat({ conversationId: 'c', storage });
  await soon(() => chat.getState().messages.length).toBe(2);
  await soon(() => api.open.size).toBe(1);
  api.tell('run.event', {
    conversationId: 'c',
    runId: 'r',
    id: '1-0',
    type: 'snapshot',
    data: { text: 'secret' },
  });
  await soon(() => chat.getState().messages[1]?.text).toBe('secret');
  forgetKept(storage);
  chat.close();
  expect(storage.length).toBe(0);
});

const answered = (runId: string) =>
  messageOf(`answer of ${runId}`, { role: 'assistant', parentId: 'q', runId, authorId: null });

test('an answer that was whole before its request was answered is not shown as one under way', async () => {
  let history = historyOf([question, answered('first')]);
  await using api = await startApi({
    'GET /api/conversations/c': json(conversationOf('c')),
    'GET /api/conversations/c/messages': (...to) => json(history)(...to),
    'POST /api/messages/answer%20of%20first/regenerate': (...to) => {
      if (api.count('POST', '/api/messages/answer%20of%20first/regenerate') === 1) {
        // It was accepted; its answer is lost, and while it is repeated the run ends.
        history = historyOf([question, answered('again')]);
        api.tell('run.ended', { conversationId: 'c', run: runOf('again'), message: answered('again') });
        void soon(() => chat.getState().messages.at(-1)?.id)
          .toBe('answer of again')
          .then(() => to[0].destroy());
        return;
      }
      json({ run: runOf('again') }, 202)(...to);
    },
  });
  const chat = api.chat({ conversationId: 'c' });
  await soon(() => chat.getState().messages.length).toBe(2);
  await soon(() => api.open.size).toBe(1);
  expect(await chat.regenerate('answer of first')).toBe(true);
  await soon(() => chat.getState()).toMatchObject({ status: 'idle', runId: null });
  expect(chat.getState().messages.at(-1)).toMatchObject({ id: 'answer of again', status: 'completed' });
});

test('what is stopped is stopped, also when another conversation is shown at once', async () => {
  await using api = await startApi({
    'GET /api/conversations/c': json(conversationOf('c')),
    'GET /api/conversations/c/messages': json(historyOf([question], runOf('r'))),
    'POST /api/runs/r/cancel': (...to) =>
      api.count('POST', '/api/runs/r/cancel') === 1
        ? refuse(to[0], 503, 'unavailable')
        : json(runOf('r'), 202)(...to),
  });
  const chat = api.chat({ conversationId: 'c' });
  await soon(() => chat.getState().runId).toBe('r');
  const stopped = chat.stop();
  await chat.open(null);
  expect(await stopped).toBe(true);
  expect(chat.getState().problem).toBeNull();
});

test('a chat that was opened while the server was away begins by itself when it is back', async () => {
  let isAway = true;
  await using api = await startApi({
    'GET /api/me': (response, request) =>
      isAway ? refuse(response, 503, 'unavailable') : json(api.me)(response, request),
    'GET /api/conversations/c': json(conversationOf('c')),
    'GET /api/conversations/c/messages': json(historyOf([question])),
  });
  const chat = api.chat({ conversationId: 'c' });
  await soon(() => chat.getState().problem?.isRetryable).toBe(true);
  isAway = false;
  await soon(() => chat.getState()).toMatchObject({
    problem: null,
    isLoading: false,
    messages: [{ id: 'q' }],
  });
  await soon(() => api.open.size).toBe(1);
});

test('what was refused is not sent again by a reload, but by the person', async () => {
  const storage = createMemoryStorage();
  const post = 'POST /api/conversations/c/messages';
  let isFull = true;
  await using api = await startApi({
    'GET /api/conversations/c': json(conversationOf('c')),
    'GET /api/conversations/c/messages': json(historyOf([])),
    [post]: (...to) =>
      isFull
        ? refuse(to[0], 429, 'token_limit_reached', { 'retry-after': '60' })
        : json({ message: question, run: runOf('r') }, 202)(...to),
  });
  const first = api.chat({ conversationId: 'c', storage });
  expect(await first.ask('q')).toBe(false);
  const { key, problem } = first.getState().messages[0] ?? {};
  first.close();

  const second = api.chat({ conversationId: 'c', storage });
  await soon(() => second.getState().messages[0]).toMatchObject({ key, problem, status: 'rejected' });
  await soon(() => second.getState().isLoading).toBe(false);
  expect(api.count('POST', '/api/conversations/c/messages')).toBe(1);
  isFull = false;
  await second.retry();
  await soon(() => storage.length).toBe(0);
});

test('what begins a conversation can be taken back and asked with other settings', async () => {
  const bodies = new Map<unknown, string>();
  await using api = await startApi({
    'POST /api/conversations': (response, request) => {
      const key = request.headers['idempotency-key'];
      const before = bodies.get(key);
      bodies.set(key, request.body);
      // docs/PROTOCOL.md, section 1: the same key with another body is refused.
      if (before !== undefined && before !== request.body)
        return refuse(response, 422, 'idempotency_key_reused');
      // The first one is made, and its answer is lost.
      if (bodies.size === 1) return response.destroy();
      json(conversationOf('c'), 201)(response, request);
    },
    'GET /api/conversations/c/messages': json(historyOf([question])),
    'POST /api/conversations/c/messages': json({ message: question, run: runOf('r') }, 202),
  });
  const chat = api.chat();
  void chat.ask('q', { conversation: { model: 'slow' } });
  await soon(() => bodies.size).toBe(1);
  expect(chat.withdraw(String(chat.getState().messages[0]?.id))).toBe('q');
  expect(await chat.ask('q', { conversation: { model: 'quick' } })).toBe(true);
  expect(chat.getState().conversationId).toBe('c');
});

test('what the events could not tell is read again: the conversation as well as its messages', async () => {
  let title = 'before';
  await using api = await startApi({
    'GET /api/conversations/c': (...to) => json(conversationOf('c', { title }))(...to),
    'GET /api/conversations/c/messages': json(historyOf([question])),
  });
  const chat = api.chat({ conversationId: 'c' });
  await soon(() => chat.getState().conversation?.title).toBe('before');
  await soon(() => api.open.size).toBe(1);
  title = 'after';
  api.tell('resync', {});
  await soon(() => chat.getState().conversation?.title).toBe('after');
});

test('a conversation that is read late does not hide what has been told of it since', async () => {
  let answer = () => {};
  await using api = await startApi({
    'GET /api/conversations/c': (...to) => {
      answer = () => json(conversationOf('c', { title: 'before' }))(...to);
    },
    'GET /api/conversations/c/messages': json(historyOf([question])),
  });
  const chat = api.chat({ conversationId: 'c' });
  await soon(() => api.open.size).toBe(1);
  await soon(() => chat.getState().messages.length).toBe(1);
  api.tell('conversation.changed', { conversation: conversationOf('c', { title: 'after' }) });
  await soon(() => chat.getState().conversation?.title).toBe('after');
  answer();
  await soon(() => chat.getState().isLoading).toBe(false);
  expect(chat.getState().conversation?.title).toBe('after');
});

test('what is written after coming back to a conversation goes out behind what was written in it before', async () => {
  const held: (() => void)[] = [];
  const wasAnswered: boolean[] = [];
  await using api = await startApi({
    'POST /api/conversations': json(conversationOf('c'), 201),
    'GET /api/conversations/c': json(conversationOf('c')),
    'GET /api/conversations/c/messages': json(historyOf([])),
    'POST /api/conversations/c/messages': (...to) => {
      const id = to[1].body.includes('first') ? 'first' : 'second';
      const accept = () => json({ message: messageOf(id, { text: id }), run: runOf(id) }, 202)(...to);
      if (id === 'first') return void held.push(accept);
      wasAnswered.push(held.length === 0);
      accept();
    },
  });
  const chat = api.chat();
  const first = chat.ask('first');
  await soon(() => held.length).toBe(1);
  await chat.open(null);
  await chat.open('c');
  const second = chat.ask('second');
  // What goes out at once is there before the answers to these.
  for (let n = 0; n < 5; n += 1) await api.client.me();
  held.pop()?.();
  expect(await Promise.all([first, second])).toEqual([true, true]);
  expect(wasAnswered).toEqual([true]);
});

test('why a conversation is gone is told until it is dismissed', async () => {
  await using api = await startApi({
    'GET /api/conversations/c': json(conversationOf('c')),
    'GET /api/conversations/c/messages': json(historyOf([question])),
  });
  const chat = api.chat({ conversationId: 'c' });
  await soon(() => chat.getState().messages.length).toBe(1);
  await soon(() => api.open.size).toBe(1);
  api.tell('conversation.removed', { conversationId: 'c' });
  // As a tab hears it that is seen again.
  api.tell('ready', {});
  await soon(() => chat.getState().problem?.code).toBe('conversation_removed');
  for (let n = 0; n < 5; n += 1) await api.client.me();
  expect(chat.getState()).toMatchObject({ conversationId: null, problem: { code: 'conversation_removed' } });
  chat.dismiss();
  expect(chat.getState().problem).toBeNull();
});
