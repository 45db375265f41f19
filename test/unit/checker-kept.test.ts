/** That the checker finds broken promises: what was accepted, kept and stopped. Each is the good history with one thing spoilt. */
import { it } from 'vitest';
import { type Breach, expectFound } from './checker-history.ts';
import {
  ann,
  asReader,
  asRequest,
  bob,
  message,
  question,
  request,
  runView,
  treeRun,
} from './checker-pieces.ts';

const breaches: readonly Breach[] = [
  [
    'ended',
    'a run that goes on for ever',
    (draft) => {
      const third = { message: message('q3', 'a2', {}), run: runView(3, 'queued') };
      const of = { role: 'assistant', authorId: null, text: '', runId: 'r3', status: 'pending' } as const;
      draft.entries['third'] = request(ann, 'POST /api/conversations/c/messages', 202, third, {
        body: { text: question },
      });
      draft.runs.push(treeRun(3, { status: 'running', finishedAt: null }));
      draft.messages.push(message('q3', 'a2', {}), message('a3', 'q3', of));
    },
  ],
  [
    'seen-end',
    'a run goes on whose end was seen',
    (draft) => Object.assign(asRequest(draft, 'list').reply as object, { activeRun: runView(1, 'running') }),
  ],
  [
    'overlap',
    'two runs of a conversation at once',
    (draft) => Object.assign(draft.runs[1] ?? {}, { startedAt: 140 }),
  ],
  [
    'turn',
    'a run before one that was accepted earlier',
    (draft) => Object.assign(draft.runs[1] ?? {}, { startedAt: 10, finishedAt: 20 }),
  ],
  [
    'turn',
    'a place before one that was answered earlier',
    (draft) => Object.assign(draft.runs[0] ?? {}, { number: 3, startedAt: 300, finishedAt: 350 }),
  ],
  ['kept', 'an accepted message is gone', (draft) => draft.messages.splice(2, 1)],
  [
    'kept',
    'an accepted message is another one',
    (draft) => Object.assign(draft.messages[2] ?? {}, { text: 'Something else.' }),
  ],
  [
    'kept',
    'an accepted message is at another place',
    (draft) => Object.assign(draft.messages[2] ?? {}, { parentId: 'q1' }),
  ],
  [
    'kept',
    'an accepted message has another author',
    (draft) => Object.assign(draft.messages[2] ?? {}, { authorId: bob }),
  ],
  ['kept', 'an accepted run is gone', (draft) => draft.runs.splice(1, 1)],
  ['kept', 'a run is another user’s', (draft) => Object.assign(draft.runs[1] ?? {}, { userId: bob })],
  [
    'kept',
    'a message that was shown has changed',
    (draft) =>
      Object.assign((asRequest(draft, 'list').reply as { messages: object[] }).messages[0] ?? {}, {
        text: 'Something else.',
      }),
  ],
  [
    'key',
    'one key makes two messages',
    (draft) =>
      (asRequest(draft, 'repeat').reply = { message: message('q9', null, {}), run: runView(9, 'queued') }),
  ],
  ['unasked', 'a message that nobody was told of', (draft) => draft.messages.push(message('q9', 'a2', {}))],
  [
    'unasked',
    'a run that nobody was told of',
    (draft) => draft.runs.push(treeRun(9, { promptMessageId: 'q1' })),
  ],
  [
    'answer',
    'an answer at the wrong place',
    (draft) => Object.assign(draft.messages[1] ?? {}, { parentId: null }),
  ],
  [
    'answer',
    'an answer that is not final',
    (draft) => Object.assign(draft.messages[3] ?? {}, { status: 'pending' }),
  ],
  [
    'answer',
    'a run completed without an answer',
    (draft) => Object.assign(draft.messages[1] ?? {}, { text: '' }),
  ],
  [
    'lost',
    'a member gets 404',
    (draft) => Object.assign(asRequest(draft, 'look'), { status: 404, reply: { code: 'run_not_found' } }),
  ],
  [
    'lost',
    'a member is refused as a reader',
    (draft) => Object.assign(asReader(draft, 'bobReads'), { events: [], ending: 'refused' }),
  ],
  [
    'search',
    'a member does not find it',
    (draft) => (asRequest(draft, 'search').reply = { conversations: [] }),
  ],
  [
    'stop',
    'a run that was stopped is completed',
    (draft) => {
      Object.assign(draft.runs[1] ?? {}, { status: 'completed', cancelRequested: false });
      Object.assign(draft.messages[3] ?? {}, { status: 'completed', text: 'x' });
    },
  ],
  [
    'stop',
    'a run that was stopped goes on',
    (draft) => (asRequest(draft, 'look').reply = runView(2, 'running')),
  ],
  [
    'stop',
    'a cancel that did not take',
    (draft) => (asRequest(draft, 'stop').reply = { run: runView(2, 'queued') }),
  ],
  [
    'stop',
    'a cancel that says it has ended when it has not',
    (draft) => Object.assign(asRequest(draft, 'stop'), { status: 200 }),
  ],
  [
    'stop',
    'a run that was interrupted goes on',
    (draft) => {
      delete draft.entries['read'];
      delete draft.entries['bobReads'];
      draft.entries['lookAtFirst'] = request(ann, 'GET /api/runs/r1', 200, runView(1, 'running'));
    },
  ],
  [
    'status',
    'a fault of the server',
    (draft) => (draft.entries['fault'] = request(ann, 'GET /api/me', 500, null)),
  ],
  [
    'status',
    'a credential is not known any more',
    (draft) => (draft.entries['fault'] = request(ann, 'GET /api/me', 401, null)),
  ],
  ['status', 'no answer', (draft) => (draft.entries['fault'] = request(ann, 'GET /api/me', null, null))],
];

it.each(breaches)('finds %s: %s', (rule, _, spoil) => expectFound(rule, spoil));
