import { expect, test } from 'vitest';
import { emptyAnswer } from '../../packages/client/src/apply-event.ts';
import { layOut, type MessageParts } from '../../packages/client/src/chat/messages.ts';
import type { Outgoing } from '../../packages/client/src/chat/pending.ts';
import { statusOf } from '../../packages/client/src/chat/state.ts';
import type { ThreadMessage, ThreadRun } from '../../packages/client/src/chat/thread.ts';

const message = (id: string, parts: Partial<ThreadMessage> = {}): ThreadMessage => ({
  id,
  parentId: null,
  role: 'user',
  text: id,
  authorId: 'me',
  runId: null,
  status: 'completed',
  failure: null,
  finishReason: null,
  model: null,
  usage: null,
  createdAt: '2026-11-21T00:00:00.000Z',
  ...parts,
});

const run = (id: string, promptMessageId: string, parts: Partial<ThreadRun> = {}): ThreadRun => ({
  id,
  promptMessageId,
  messageId: `answer-${id}`,
  model: 'm',
  status: 'queued',
  attempt: 0,
  cancelRequested: false,
  failure: null,
  finishReason: null,
  usage: null,
  eventsUrl: '',
  createdAt: '2026-11-21T00:00:00.000Z',
  startedAt: null,
  finishedAt: null,
  ...parts,
});

const outgoing = (key: string, parts: Partial<Outgoing> = {}, editOf: string | null = null): Outgoing => ({
  pending: {
    key,
    lane: 'c',
    conversationId: 'c',
    conversation: {},
    body: { text: 'new' },
    editOf,
    after: 'q1',
    order: 1,
    problem: null,
  },
  status: 'waiting',
  problem: null,
  wasTried: true,
  ...parts,
});

const lay = (parts: Partial<MessageParts>) =>
  layOut({
    thread: { messages: [], runs: [] },
    answers: new Map(),
    queue: new Map(),
    durations: new Map(),
    outgoing: [],
    problems: new Map(),
    keys: new Map(),
    userId: 'me',
    nameOf: (userId) => `name of ${userId}`,
    ...parts,
  });

const idsOf = (parts: Partial<MessageParts>) => lay(parts).map(({ id }) => id);

test('an answer under way stands behind its question, with its text and its place in the queue', () => {
  const thread = { messages: [message('q1')], runs: [run('r1', 'q1')] };
  const queue = new Map([['r1', { position: 3, estimatedMs: null }]]);
  expect(lay({ thread, queue })[1]).toMatchObject({ status: 'queued', queue: { position: 3 }, runId: 'r1' });
  const answers = new Map([['r1', { ...emptyAnswer, status: 'running', text: 'Hold' } as const]]);
  expect(lay({ thread, queue, answers })[1]).toMatchObject({
    status: 'answering',
    text: 'Hold',
    queue: null,
  });
});

test('an answer under way is not shown where another answer of its question is', () => {
  const messages = [message('q1'), message('a1', { role: 'assistant', parentId: 'q1', authorId: null })];
  expect(idsOf({ thread: { messages, runs: [run('r2', 'q1')] } })).toEqual(['q1', 'a1']);
});

test('a message on its way that history has already is shown once, under the key that it had', () => {
  const messages = [message('q1'), message('q2', { text: 'new' })];
  const thread = { messages, runs: [] };
  expect(lay({ thread, outgoing: [outgoing('k')] }).map(({ id, key }) => [id, key])).toEqual([
    ['q1', 'q1'],
    ['q2', 'k'],
  ]);
  // Not sent yet, refused, written by somebody else, written before, or another one's: it is another message.
  expect(idsOf({ thread, outgoing: [outgoing('k', { wasTried: false })] })).toEqual(['q1', 'q2', 'k']);
  expect(idsOf({ thread, outgoing: [outgoing('k', { status: 'rejected' })] })).toEqual(['q1', 'q2', 'k']);
  expect(idsOf({ thread, outgoing: [outgoing('k')], userId: 'other' })).toEqual(['q1', 'q2', 'k']);
  expect(idsOf({ thread, outgoing: [outgoing('k')], keys: new Map([['q2', 'first']]) })).toEqual([
    'q1',
    'q2',
    'k',
  ]);
  const earlier = { messages: [message('q0', { text: 'new' }), message('q1')], runs: [] };
  expect(idsOf({ thread: earlier, outgoing: [outgoing('k')] })).toEqual(['q0', 'q1', 'k']);
  // Each stands for one only.
  expect(idsOf({ thread, outgoing: [outgoing('k'), outgoing('l')] })).toEqual(['q1', 'q2', 'l']);
});

test('another wording of a message stands in its place, and nothing of the old branch behind it', () => {
  const messages = [message('q1'), message('a1', { role: 'assistant' }), message('q2')];
  const edit = outgoing('k', {}, 'q1');
  expect(idsOf({ thread: { messages, runs: [] }, outgoing: [edit] })).toEqual(['k']);
  // What was asked meanwhile is not out of sight, and what was written last of a message is what stands there.
  const more = [edit, outgoing('l'), outgoing('m', {}, 'q1')];
  expect(idsOf({ thread: { messages, runs: [] }, outgoing: more })).toEqual(['m', 'l']);
});

test('the status says what matters most', () => {
  const parts = { messages: [], runId: null, isOffline: false };
  const shown = lay({ thread: { messages: [message('q1')], runs: [run('r1', 'q1')] } });
  expect(statusOf(parts)).toBe('idle');
  expect(statusOf({ ...parts, messages: shown, runId: 'r1' })).toBe('queued');
  expect(statusOf({ ...parts, messages: shown, runId: 'r1', isOffline: true })).toBe('reconnecting');
  const statusWith = (status: Outgoing['status']) =>
    statusOf({ ...parts, messages: lay({ outgoing: [outgoing('k', { status })] }) });
  expect([statusWith('sending'), statusWith('waiting'), statusWith('rejected')]).toEqual([
    'queued',
    'reconnecting',
    'failed',
  ]);
});
