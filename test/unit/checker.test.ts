/**
 * That the checker of histories takes for kept what was kept. For each way of breaking a promise there is a line in
 * checker-readers, checker-kept, checker-waiting and checker-privacy.
 */
import { describe, expect, it } from 'vitest';
import { checkHistory, countHistory } from '../support/checker/check.ts';
import { markersIn, markerWord, newCode } from '../support/checker/history.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { goodHistory, rulesOf, toHistory } from './checker-history.ts';
import {
  ann,
  answer,
  asLog,
  bob,
  type Draft,
  end,
  marker,
  message,
  reader,
  request,
  runView,
  treeRun,
  whole,
} from './checker-pieces.ts';

it('finds nothing where all promises were kept', () => {
  const history = toHistory(goodHistory());
  expect(checkHistory(history)).toEqual([]);
  expect(countHistory(history)).toMatchObject({
    runs: 2,
    readers: 3,
    repeats: 1,
    completed: 1,
    cancelled: 1,
    feeds: 1,
  });
});

describe('takes for kept', () => {
  const allowed: [what: string, change: (draft: Draft) => unknown][] = [
    [
      'what was deleted and is gone',
      (draft) => {
        draft.entries['delete'] = request(ann, 'DELETE /api/conversations/c', 204, null);
        Object.assign(draft, { messages: [], runs: [] });
      },
    ],
    [
      'a reader who was dismissed meanwhile',
      (draft) => {
        draft.entries['late'] = Object.assign(reader(bob, 'r1', [], 'refused'), { connections: [] });
      },
    ],
    [
      'a second life of a membership',
      (draft) => {
        draft.entries['back'] = request(bob, 'POST /api/invitations/token2/accept', 200, {
          id: 'c',
          title: marker,
        });
        draft.entries['reads'] = request(bob, 'GET /api/conversations/c', 200, { id: 'c', title: marker });
      },
    ],
    [
      'a run that ended before the stop came',
      (draft) => {
        draft.entries['late'] = request(ann, 'POST /api/runs/r1/cancel', 200, {
          run: runView(1, 'completed'),
        });
      },
    ],
    [
      'a reader with the terminal event’s own cursor',
      (draft) => {
        draft.entries['late'] = Object.assign(reader(ann, 'r1', [], 'no-content'), {
          begin: { cursor: '1-3', text: null },
        });
      },
    ],
    [
      'a reader who begins with a cursor of another run that this one has, too',
      (draft) => {
        draft.entries['late'] = Object.assign(reader(ann, 'r1', whole.slice(2)), {
          begin: { cursor: '1-1', text: null },
        });
      },
    ],
    [
      'an attempt that was given up for another one',
      (draft) => {
        Object.assign(draft.runs[0] ?? {}, { attempt: 2, terminalSeq: 2 });
        const later: typeof whole = [
          ['2-0', 'snapshot', { text: '' }],
          ['2-1', 'delta', { text: answer }],
          ['2-2', 'completed', end(1)],
        ];
        draft.logs['r1'] = asLog([...whole.slice(0, 2), ...later]);
        draft.entries['read'] = reader(ann, 'r1', [...whole.slice(0, 2), ...later]);
        draft.entries['bobReads'] = reader(ann, 'r1', later);
        // As they were recorded: after what they are about.
        draft.entries['list'] = request(ann, 'GET /api/me', 200, {});
      },
    ],
    [
      'an acceptance that is repeated after its user has left, which gets the first answer and does nothing',
      (draft) => {
        const accept = (of: typeof bob) =>
          request(of, 'POST /api/invitations/token/accept', 200, { id: 'c', title: null }, { key: 'k7' });
        draft.entries['come'] = accept(bob);
        draft.entries['go'] = request(bob, 'POST /api/conversations/c/leave', 204, null);
        draft.entries['comeAgain'] = accept(bob);
        draft.entries['gone'] = request(
          bob,
          'POST /api/conversations/c/messages',
          404,
          { code: 'conversation_not_found' },
          { body: { text: 'Am I here?' }, key: 'k8' },
        );
      },
    ],
  ];

  it.each(allowed)('%s', (_, change) => {
    const draft = goodHistory();
    change(draft);
    const violations = checkHistory(toHistory(draft));
    expect(violations).toEqual([]);
  });

  it('what nobody knows, where servers were killed', () => {
    const draft = goodHistory();
    draft.entries['lost'] = request(ann, 'POST /api/conversations/c/messages', null, null, {
      body: { text: 'Was it kept?' },
      key: 'k9',
    });
    draft.messages.push(message('q9', 'a2', { text: 'Was it kept?' }));
    draft.messages.push(
      message('a9', 'q9', { role: 'assistant', text: 'It was.', authorId: null, runId: 'r9' }),
    );
    draft.runs.push(treeRun(9, {}));
    draft.logs['r9'] = asLog([
      ['1-0', 'started', { runId: 'r9', model: 'm' }],
      ['1-1', 'delta', { text: 'It ' }],
      ['1-2', 'delta', { text: 'was.' }],
      ['1-3', 'completed', end(9)],
    ]);
    draft.entries['busy'] = request(ann, 'GET /api/me', 503, null);
    // The commit was made, and nobody could tell.
    draft.entries['removed'] = request(ann, 'DELETE /api/conversations/c', 503, {
      code: 'store_unavailable',
    });
    draft.entries['gone'] = request(bob, 'GET /api/conversations/c/messages', 404, {
      code: 'conversation_not_found',
    });
    const history = toHistory(draft);
    expect(checkHistory(history, { withFaults: true })).toEqual([]);
    expect(rulesOf(history)).toEqual(['status']);
  });
});

it('a marker is found wherever it stands, and is not made by chance', () => {
  const random = seededRandom(7);
  const written = { conversationCode: newCode(random), userCode: newCode(random) };
  expect(markersIn(`x${markerWord(written)}y ${markerWord(written)} zqabc`)).toEqual([written]);
  expect(markersIn(JSON.stringify({ text: `[${markerWord(written)}]\n` }))).toEqual([written]);
  expect(markersIn('quiz: zq, kz and the rest of zqa1b2c3')).toEqual([]);
});
