/** That the checker finds broken promises: who waits, and for how much there is room. Each is the good history with one thing spoilt. */
import { it } from 'vitest';
import type { FeedEntry, TreeRun } from '../support/checker/history.ts';
import { type Breach, expectFound } from './checker-history.ts';
import {
  againQuestion,
  ann,
  answer,
  asReader,
  type Draft,
  type Mutable,
  question,
  request,
  treeRun,
} from './checker-pieces.ts';

/** Three runs of one user, all of them at these times. */
const spread = (draft: Draft, times: Partial<TreeRun>) =>
  draft.runs.push(...[7, 8, 9].map((n) => treeRun(n, times)));

const breaches: readonly Breach[] = [
  [
    'silence',
    'a connection without a heartbeat',
    (draft) => Object.assign(asReader(draft, 'read').connections[0] ?? {}, { silentMs: 20_000 }),
  ],
  [
    'place',
    'a reader who is not told that they wait',
    (draft) => Object.assign(asReader(draft, 'read').connections[0] ?? {}, { firstEventMs: 20_000 }),
  ],
  [
    'position',
    'a place that rises',
    (draft) => {
      const place = (position: number, at: number) => ({
        at,
        connection: 0,
        id: null,
        event: 'queued',
        data: JSON.stringify({ position, estimatedMs: null }),
      });
      asReader(draft, 'readStopped').events.unshift(place(1, 900), place(2, 901));
    },
  ],
  [
    'position',
    'a place that rises in a feed',
    (draft) => {
      const feed = draft.entries['feed'] as Mutable<FeedEntry>;
      for (const { type, data } of feed.events)
        if (type === 'run.position') data['position'] = 3 - Number(data['position']);
    },
  ],
  ['bounded', 'more runs of a user at once', (draft) => spread(draft, { startedAt: 0, finishedAt: 900 })],
  [
    'bounded',
    'more runs of a user that wait',
    (draft) => spread(draft, { createdAt: 0, dispatchedAt: 9_000_000, startedAt: null, finishedAt: null }),
  ],
  [
    'bounded',
    'a list that is longer than its limit',
    (draft) =>
      (draft.entries['long'] = request(ann, 'GET /api/conversations?limit=1', 200, {
        conversations: [{ id: 'c' }, { id: 'c' }],
      })),
  ],
  [
    'bounded',
    'a process that grew',
    (draft) => Object.assign(draft.processes[0] ?? {}, { residentBytes: 2_000 }),
  ],
  [
    'stop',
    'the provider goes on after a stop',
    (draft) =>
      draft.prompts.push({
        messages: [
          { role: 'user', content: question },
          { role: 'assistant', content: answer },
          { role: 'user', content: againQuestion },
        ],
        closedAt: 9_000_000,
      }),
  ],
  [
    'cost',
    'an attempt that was never settled',
    (draft) => Object.assign(draft.attempts[0] ?? {}, { ended: false }),
  ],
];

it.each(breaches)('finds %s: %s', (rule, _, spoil) => expectFound(rule, spoil));
