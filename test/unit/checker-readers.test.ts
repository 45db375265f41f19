/** That the checker finds broken promises: what readers were told, and what the logs hold. Each is the good history with one thing spoilt. */
import { expect, it } from 'vitest';
import { checkHistory } from '../support/checker/check.ts';
import type { ReaderEntry } from '../support/checker/history.ts';
import { type Breach, expectFound, goodHistory, toHistory } from './checker-history.ts';
import { ann, answer, asReader, copyOf, end, type Mutable, marker, reader } from './checker-pieces.ts';

/** Changes what an event says. */
const say = (entry: Mutable<ReaderEntry>, index: number, change: Partial<ReaderEntry['events'][number]>) =>
  Object.assign(entry.events[index] ?? {}, change);

const breaches: readonly Breach[] = [
  [
    'prefix',
    'another text than history has',
    (draft) => Object.assign(draft.messages[1] ?? {}, { text: `[${marker}] No.` }),
  ],
  [
    'prefix',
    'a snapshot with another text',
    (draft) => say(asReader(draft, 'bobReads'), 0, { data: '{"text":"other"}' }),
  ],
  [
    'prefix',
    'an answer that goes on after its end',
    (draft) => {
      asReader(draft, 'read').events.splice(2, 1);
      say(asReader(draft, 'read'), 2, { id: '1-2' });
    },
  ],
  [
    'disagreement',
    'two readers with different texts after one event',
    (draft) => {
      // Of an attempt that was given up, so that history cannot tell.
      for (const run of draft.runs) Object.assign(run, { attempt: 2 });
      say(asReader(draft, 'bobReads'), 0, { data: '{"text":"other"}' });
    },
  ],
  [
    'once-in-order',
    'an event twice',
    (draft) =>
      asReader(draft, 'read').events.splice(
        1,
        0,
        copyOf(asReader(draft, 'read').events[1] as ReaderEntry['events'][number]),
      ),
  ],
  [
    'once-in-order',
    'an event after the end',
    (draft) =>
      asReader(draft, 'read').events.push({
        at: 999,
        connection: 0,
        id: '1-4',
        event: 'delta',
        data: '{"text":"x"}',
      }),
  ],
  [
    'once-in-order',
    'an event twice, over a reconnect with its own cursor',
    (draft) => {
      const { events } = asReader(draft, 'read');
      const repeated = copyOf(events[2] as ReaderEntry['events'][number]);
      asReader(draft, 'read').opened.push(repeated.at);
      asReader(draft, 'read').connections.push({
        ...copyOf(asReader(draft, 'read').connections[0] as ReaderEntry['connections'][number]),
        cursor: '1-2',
      });
      events.splice(3, 0, { ...repeated, connection: 1 });
    },
  ],
  ['no-gap', 'an event is missing', (draft) => asReader(draft, 'read').events.splice(1, 1)],
  [
    'no-gap',
    'a cursor from the future is answered without a snapshot',
    (draft) => {
      Object.assign(asReader(draft, 'bobReads'), { begin: { cursor: '1-0', text: null } });
      asReader(draft, 'bobReads').events.shift();
    },
  ],
  [
    'one-writer',
    'two events with one id',
    (draft) => {
      draft.entries['again'] = reader(ann, 'r1', [
        ['1-0', 'started', { runId: 'r1', model: 'm' }],
        ['1-1', 'delta', { text: answer.slice(0, 10) }],
        ['1-2', 'delta', { text: answer.slice(10) }],
        ['1-3', 'completed', end(1)],
      ]);
    },
  ],
  [
    'one-end',
    'two readers with different ends',
    (draft) => say(asReader(draft, 'bobReads'), 1, { event: 'cancelled' }),
  ],
  [
    'one-end',
    'an end that history does not have',
    (draft) => Object.assign(draft.runs[0] ?? {}, { status: 'failed' }),
  ],
  [
    'one-end',
    'a reader who waited in vain',
    (draft) =>
      Object.assign(asReader(draft, 'bobReads'), {
        events: asReader(draft, 'bobReads').events.slice(0, 1),
        ending: 'gave-up',
      }),
  ],
  [
    'one-end',
    'a reader who was sent away before the end',
    (draft) =>
      Object.assign(asReader(draft, 'bobReads'), {
        events: asReader(draft, 'bobReads').events.slice(0, 1),
        ending: 'no-content',
      }),
  ],
  ['no-gap', 'a log without one of its entries', (draft) => draft.logs['r1']?.splice(1, 1)],
  ['no-gap', 'a log without its beginning', (draft) => draft.logs['r1']?.shift()],
  ['one-end', 'a log without its end', (draft) => draft.logs['r1']?.pop()],
  [
    'one-end',
    'a log that goes on after its end',
    (draft) => draft.logs['r1']?.push({ id: '1-4', type: 'delta', data: '{"text":"x"}' }),
  ],
  ['one-end', 'a run that has ended and has no log', (draft) => delete draft.logs['r2']],
  [
    'one-writer',
    'a log with another event than its reader got',
    (draft) => Object.assign(draft.logs['r1']?.[1] ?? {}, { data: '{"text":"x"}' }),
  ],
  [
    'prefix',
    'a log with another text than history',
    (draft) => {
      delete draft.entries['read'];
      delete draft.entries['bobReads'];
      Object.assign(draft.logs['r1']?.[2] ?? {}, { data: '{"text":"x"}' });
    },
  ],
];

it.each(breaches)('finds %s: %s', (rule, _, spoil) => expectFound(rule, spoil));

it.each([
  ['where the others saw the end', '1-3', 'none'],
  ['before it', '1-2', 'one-end'],
])('knows the end of a run whose conversation was purged: who was sent away %s', (_, cursor, found) => {
  const draft = goodHistory();
  draft.runs = draft.runs.filter(({ id }) => id !== 'r1');
  const late = structuredClone(asReader(draft, 'bobReads'));
  draft.entries['late'] = Object.assign(late, {
    events: [],
    ending: 'no-content',
    begin: { cursor, text: null },
  });
  const about = checkHistory(toHistory(draft)).filter(
    ({ rule, detail }) => rule === 'one-end' && JSON.stringify(detail).includes('no-content'),
  );
  expect(about.map(({ rule }) => rule)).toEqual(found === 'none' ? [] : [found]);
});
