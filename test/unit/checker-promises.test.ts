/** That each of the ten promises is decided: for each a history that breaks it, and a good one that keeps them all. */
import { expect, it } from 'vitest';
import { checkHistory } from '../support/checker/check.ts';
import type { History, ReaderEntry } from '../support/checker/history.ts';
import { decide, promises, tellDecision } from '../support/checker/promises.ts';
import { goodHistory, toHistory } from './checker-history.ts';
import {
  ann,
  answer,
  asReader,
  asRequest,
  copyOf,
  type Draft,
  evesMarker,
  question,
  request,
} from './checker-pieces.ts';

/** What the provider wrote is known, and in the end both servers were asked once more. */
function watchedHistory(spoil: (draft: Draft) => unknown = () => {}, late: unknown[] = []): History {
  const draft = goodHistory();
  Object.assign(draft.prompts[0] ?? {}, { answer });
  spoil(draft);
  const history = toHistory(draft);
  const entries = [...history.entries, ...late] as History['entries'];
  const quietAt = Math.min(Infinity, ...late.map((entry) => (entry as { began: number }).began));
  return { ...history, entries, ...(late.length > 0 ? { quietAt } : {}) };
}

const brokenIn = (history: History): number[] =>
  decide(history, checkHistory(history, { withFaults: true }))
    .filter(({ broken }) => broken > 0)
    .map(({ number }) => number);

it('a good history keeps all ten, and each was looked at', () => {
  const history = watchedHistory();
  const decisions = decide(history, checkHistory(history, { withFaults: true }));
  expect(decisions.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0]);
  for (const decision of decisions.filter(({ number }) => number !== 3)) {
    expect(tellDecision(decision)).toMatch(/^[ \d]+kept /);
  }
  // Nobody came back with a cursor there: that is not the same as a promise that was kept.
  expect(decisions.find(({ number }) => number === 3)).toMatchObject({ observations: 0, broken: 0 });
});

it('each rule decides one promise', () => {
  const rules = promises.flatMap((promise) => promise.rules);
  expect(new Set(rules).size).toBe(rules.length);
});

const firstEvent = (draft: Draft) =>
  copyOf(asReader(draft, 'read').events[1] as ReaderEntry['events'][number]);

const breaches: [number: number, what: string, spoil: (draft: Draft) => unknown][] = [
  [
    1,
    'an answer that is not what the provider wrote, though all readers and history agree on it',
    (draft) => Object.assign(draft.prompts[0] ?? {}, { answer: answer.replace('Once', 'Twice') }),
  ],
  [
    1,
    'a completed answer that lacks the end of what the provider wrote',
    (draft) => Object.assign(draft.prompts[0] ?? {}, { answer: `${answer} And no more.` }),
  ],
  [2, 'an event twice', (draft) => asReader(draft, 'read').events.splice(1, 0, firstEvent(draft))],
  [3, 'an event is left out', (draft) => asReader(draft, 'read').events.splice(1, 1)],
  [
    4,
    'a reader who never got the end',
    (draft) => {
      asReader(draft, 'read').events.pop();
      asReader(draft, 'read').ending = 'unfinished';
    },
  ],
  [
    5,
    'two events under one id',
    (draft) => Object.assign(draft.logs['r1']?.[1] ?? {}, { data: '{"text":"?"}' }),
  ],
  [6, 'an accepted message is gone', (draft) => draft.messages.splice(2, 1)],
  [
    7,
    'the provider goes on when all runs have ended',
    (draft) => Object.assign(draft.prompts[0] ?? {}, { closedAt: null }),
  ],
  [
    8,
    'silence that no fault explains',
    (draft) => Object.assign(asReader(draft, 'read').connections[0] ?? {}, { silentMs: 60_000 }),
  ],
  [
    9,
    'a question asked more often than there were attempts',
    (draft) => draft.prompts.push({ messages: [{ role: 'user', content: question }], closedAt: 160 }),
  ],
  [
    10,
    'a text that is somebody else’s',
    (draft) => Object.assign(asReader(draft, 'read').events[0] ?? {}, { data: `{"model":"${evesMarker}"}` }),
  ],
  [0, 'an answer that nobody can have earned', (draft) => (asRequest(draft, 'look').status = 418)],
];

it.each(breaches)('promise %i is found broken: %s', (number, _, spoil) => {
  expect(brokenIn(watchedHistory(spoil))).toContain(number);
});

it('a process that ends by itself is found', () => {
  const history = watchedHistory();
  const crashes = [{ name: 'worker 1', words: 'code 1: out of ideas' }];
  expect(brokenIn({ ...history, tree: { ...history.tree, crashes } })).toEqual([0]);
});

it('an answer that ends in half a character is a beginning of what the provider wrote, one that goes on is not', () => {
  const whole = `${answer}👋!`;
  const ending = (text: string) => (draft: Draft) => {
    for (const run of draft.runs) Object.assign(run, { status: run.id === 'r1' ? 'cancelled' : run.status });
    Object.assign(draft.messages[1] ?? {}, { text });
    Object.assign(draft.prompts[0] ?? {}, { answer: whole });
  };
  const rules = (text: string) =>
    checkHistory(watchedHistory(ending(text)), { withFaults: true })
      .filter(({ rule, detail }) => rule === 'provider' && 'run' in (detail as object))
      .map(({ rule }) => rule);
  expect(rules(`${answer}\ufffd`)).toEqual([]);
  expect(rules(`${answer}\ufffd!`)).toEqual(['provider']);
});

it('once all is quiet, faults excuse nothing: every request is answered, and all say the same', () => {
  const listOf = (messages: unknown[]) =>
    request(ann, 'GET /api/conversations/c/messages', 200, { messages, activeRun: null, waitingRuns: [] });
  const early = (draft: Draft) => Object.assign(asRequest(draft, 'lookAtEnd'), { status: 503, reply: null });
  expect(brokenIn(watchedHistory(early, [listOf([]), listOf([])]))).toEqual([]);
  expect(brokenIn(watchedHistory(() => {}, [request(ann, 'GET /api/me', null, null)]))).toEqual([0]);
  const shown = goodHistory().messages.slice(0, 1);
  expect(brokenIn(watchedHistory(() => {}, [listOf([]), listOf(shown)]))).toEqual([6]);
});
