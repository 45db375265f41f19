/** A history in which all promises were kept, and what spoils it. */
import { expect } from 'vitest';
import { checkHistory, explain } from '../support/checker/check.ts';
import type { Entry, FeedEvent, History, Limits } from '../support/checker/history.ts';
import { decide } from '../support/checker/promises.ts';
import {
  againQuestion,
  ann,
  answer,
  asLog,
  bob,
  copyOf,
  type Draft,
  end,
  eve,
  evesMarker,
  firstPlace,
  type Mutable,
  marker,
  message,
  nextPlace,
  question,
  reader,
  request,
  runView,
  treeRun,
  whole,
} from './checker-pieces.ts';

/**
 * Ann asks, reads, invites Bob, who reads the same from a snapshot on; asks again and stops it; Bob leaves. Eve has a
 * conversation of her own and gets 404 for theirs.
 */
export function goodHistory(): Draft {
  firstPlace();
  const shown = message('q1', null, {});
  const accepted = { message: shown, run: runView(1, 'queued') };
  const second = { message: message('q2', 'a1', { text: againQuestion }), run: runView(2, 'queued') };
  const asked = { body: { text: question }, key: 'k1' };
  const stopped = { cancelRequested: true };
  const title = `About ${marker}`;
  const problem = (code: string) => ({ code });
  const answers = { role: 'assistant', authorId: null } as const;
  const finalAnswer = message('a1', 'q1', { ...answers, text: answer, runId: 'r1' });
  const stoppedAnswer = message('a2', 'q2', { ...answers, text: '', runId: 'r2', status: 'cancelled' });
  const told = (at: number, type: string, data: object): Mutable<FeedEvent> => ({
    at,
    connection: 0,
    type,
    data: { ...data },
  });
  // Ann opens her feed before she does anything.
  const feedAt = nextPlace();
  nextPlace();
  const entries: Draft['entries'] = {
    create: request(ann, 'POST /api/conversations', 201, { id: 'c', title }, { body: { title } }),
    evesOwn: request(
      eve,
      'POST /api/conversations',
      201,
      { id: 'e', title: evesMarker },
      { body: { title: evesMarker } },
    ),
    ask: request(ann, 'POST /api/conversations/c/messages', 202, accepted, asked),
    repeat: request(ann, 'POST /api/conversations/c/messages', 202, accepted, asked),
    read: reader(ann, 'r1', whole),
    list: request(ann, 'GET /api/conversations/c/messages', 200, {
      messages: [
        shown,
        message('a1', 'q1', { role: 'assistant', text: answer, runId: 'r1', authorId: null }),
      ],
      activeRun: null,
      waitingRuns: [],
    }),
    evePries: request(eve, 'GET /api/conversations/c/messages', 404, problem('conversation_not_found')),
    preview: request(bob, 'GET /api/invitations/token', 200, { title }),
    accept: request(bob, 'POST /api/invitations/token/accept', 200, { id: 'c', title }),
    bobReads: reader(bob, 'r1', [
      ['1-2', 'snapshot', { text: answer }],
      ['1-3', 'completed', end(1)],
    ]),
    search: request(bob, `GET /api/conversations?q=${marker}`, 200, { conversations: [{ id: 'c', title }] }),
    evesSearch: request(eve, `GET /api/conversations?q=${marker}`, 200, { conversations: [] }),
    askAgain: request(ann, 'POST /api/conversations/c/messages', 202, second, {
      body: { text: againQuestion, whenBusy: 'interrupt' },
    }),
    stop: request(ann, 'POST /api/runs/r2/cancel', 202, { run: runView(2, 'queued', stopped) }),
    look: request(ann, 'GET /api/runs/r2', 200, runView(2, 'running', stopped)),
    readStopped: reader(ann, 'r2', [['1-0', 'cancelled', { messageId: 'a2', usage: null }]]),
    lookAtEnd: request(ann, 'GET /api/runs/r2', 200, runView(2, 'cancelled', stopped)),
    feed: {
      kind: 'feed',
      user: ann,
      opened: [feedAt],
      events: [
        told(feedAt + 1, 'ready', {}),
        told(nextPlace(), 'message.added', { conversationId: 'c', message: shown }),
        told(nextPlace(), 'run.queued', { conversationId: 'c', run: runView(1, 'completed') }),
        told(nextPlace(), 'run.ended', {
          conversationId: 'c',
          run: runView(1, 'completed'),
          message: finalAnswer,
        }),
        told(nextPlace(), 'message.added', { conversationId: 'c', message: second.message }),
        told(nextPlace(), 'run.queued', { conversationId: 'c', run: runView(2, 'cancelled') }),
        told(nextPlace(), 'run.position', {
          conversationId: 'c',
          runId: 'r2',
          position: 2,
          estimatedMs: null,
        }),
        told(nextPlace(), 'run.position', {
          conversationId: 'c',
          runId: 'r2',
          position: 1,
          estimatedMs: null,
        }),
        told(nextPlace(), 'run.ended', {
          conversationId: 'c',
          run: runView(2, 'cancelled'),
          message: stoppedAnswer,
        }),
      ],
      violations: [],
    },
    leave: request(bob, 'POST /api/conversations/c/leave', 204, null),
    refused: request(bob, 'GET /api/conversations/c', 404, problem('conversation_not_found')),
  };
  return {
    entries,
    messages: [
      message('q1', null, {}),
      copyOf(finalAnswer),
      message('q2', 'a1', { text: againQuestion }),
      copyOf(stoppedAnswer),
    ],
    runs: [treeRun(1, {}), treeRun(2, { status: 'cancelled', cancelRequested: true, terminalSeq: 0 })],
    conversations: [{ id: 'c', title }],
    attempts: [{ runId: 'r1', attempt: 1, ended: true }],
    logs: {
      r1: asLog(whole),
      r2: [{ id: '1-0', type: 'cancelled', data: '{"messageId":"a2","usage":null}' }],
    },
    prompts: [{ messages: [{ role: 'user', content: question }], closedAt: 150 }],
    processes: [{ name: 'API', residentBytes: 100 }],
  };
}

export const limits: Limits = {
  runsMax: 2,
  waitingRunsMax: 2,
  residentBytesMax: 1_000,
  silentMsMax: 15_000,
  firstEventMsMax: 15_000,
  abortMsMax: 1_000,
};

export function toHistory({ entries, logs, ...tree }: Draft): History {
  return {
    entries: Object.values(entries) as Entry[],
    tree: { ...tree, logs: Object.entries(logs).map(([runId, of]) => ({ runId, entries: of })) },
    limits,
  };
}

/** The rules that are found broken, each once. */
export const rulesOf = (history: History): string[] => [
  ...new Set(checkHistory(history).map(({ rule }) => rule)),
];

/** A rule, how it is broken, and what that changes in the good history. */
export type Breach = readonly [rule: string, what: string, spoil: (draft: Draft) => unknown];

/** Expects that the checker finds this breach, and tells it. */
export function expectFound(rule: string, spoil: Breach[2]): void {
  const draft = goodHistory();
  spoil(draft);
  const history = toHistory(draft);
  expect(rulesOf(history)).toContain(rule);
  // Throws when the rule belongs to no promise.
  expect(decide(history, checkHistory(history)).some(({ broken }) => broken > 0)).toBe(true);
  for (const violation of checkHistory(history))
    expect(explain(history, violation)).toContain(violation.rule);
}
