/** That the checker finds broken promises: who was told what, and what the provider was asked. Each is the good history with one thing spoilt. */
import { it } from 'vitest';
import type { FeedEntry, ReaderEntry } from '../support/checker/history.ts';
import { type Breach, expectFound } from './checker-history.ts';
import {
  ann,
  asReader,
  asRequest,
  copyOf,
  eve,
  evesMarker,
  type Mutable,
  marker,
  reader,
  request,
} from './checker-pieces.ts';

/** Changes what an event says. */
const say = (entry: Mutable<ReaderEntry>, index: number, change: Partial<ReaderEntry['events'][number]>) =>
  Object.assign(entry.events[index] ?? {}, change);

const breaches: readonly Breach[] = [
  [
    'foreign-text',
    'a stranger is told it',
    (draft) => (asRequest(draft, 'evesSearch').reply = { conversations: [{ id: 'c', title: marker }] }),
  ],
  [
    'foreign-text',
    'a stranger is told it by a problem',
    (draft) => (asRequest(draft, 'evePries').reply = { code: 'conversation_not_found', detail: marker }),
  ],
  [
    'foreign-text',
    'a reader is told what is somebody else’s',
    (draft) => say(asReader(draft, 'read'), 0, { data: `{"model":"${evesMarker}"}` }),
  ],
  [
    'foreign-text',
    'it comes in two pieces',
    (draft) =>
      (draft.entries['eveReads'] = reader(
        eve,
        'r9',
        [
          ['1-0', 'started', {}],
          ['1-1', 'delta', { text: marker.slice(0, 7) }],
          ['1-2', 'delta', { text: marker.slice(7) }],
        ],
        'aborted',
      )),
  ],
  ['foreign-text', 'a feed tells it', (draft) => ((draft.entries['feed'] as Mutable<FeedEntry>).user = eve)],
  [
    'foreign-text',
    'it is told to one who has left',
    (draft) => Object.assign(asRequest(draft, 'refused'), { reply: { title: marker } }),
  ],
  [
    'mixed',
    'an answer to another question',
    (draft) => Object.assign(draft.messages[1] ?? {}, { text: `[${evesMarker}]` }),
  ],
  [
    'mixed',
    'a reader gets an answer to another question',
    (draft) => say(asReader(draft, 'bobReads'), 0, { data: `{"text":"${evesMarker}"}` }),
  ],
  [
    'existence',
    'a stranger is told that it is there',
    (draft) => (asRequest(draft, 'evePries').status = 403),
  ],
  ['existence', 'a stranger reads', (draft) => (draft.entries['eveReads'] = reader(eve, 'r1', []))],
  ['existence', 'one who has left may do something', (draft) => (asRequest(draft, 'refused').status = 200)],
  [
    'deleted',
    'it is shown after it was deleted',
    (draft) => {
      draft.entries['delete'] = request(ann, 'DELETE /api/conversations/c', 204, null);
      draft.entries['after'] = request(ann, 'GET /api/conversations/c', 200, { id: 'c' });
    },
  ],
  [
    'feed',
    'a feed broke its rules',
    (draft) => (draft.entries['feed'] as Mutable<FeedEntry>).violations.push({ rule: 'order' }),
  ],
  [
    'foreign-text',
    'a feed tells a piece of a followed run',
    (draft) => {
      const data = (text: string) => ({ conversationId: 'e', runId: 'r9', data: { text } });
      const pieces = [marker.slice(0, 7), marker.slice(7)];
      const events = pieces.map((text, n) => ({
        at: 900 + n,
        connection: 0,
        type: 'run.event',
        data: data(text),
      }));
      draft.entries['evesFeed'] = { kind: 'feed', user: eve, opened: [1], events, violations: [] };
    },
  ],
  [
    'mixed',
    'a log has an answer to another question',
    (draft) => Object.assign(draft.logs['r2']?.[0] ?? {}, { data: `{"text":"${evesMarker}"}` }),
  ],
  [
    'mixed',
    'a title is made of another conversation',
    (draft) => Object.assign(draft.conversations[0] ?? {}, { title: evesMarker }),
  ],
  [
    'mixed',
    'the provider is sent the text of two conversations',
    (draft) => draft.prompts[0]?.messages.unshift({ role: 'user', content: evesMarker }),
  ],
  [
    'prompt',
    'the provider is sent more than the branch',
    (draft) => draft.prompts[0]?.messages.unshift({ role: 'user', content: 'Something else.' }),
  ],
  [
    'prompt',
    'the provider is asked once more than there were attempts',
    (draft) => draft.prompts.push(...draft.prompts.map((prompt) => copyOf(prompt))),
  ],
  [
    'existence',
    'a feed names a conversation of others',
    (draft) => {
      const event = { at: 900, connection: 0, type: 'conversation.removed', data: { conversationId: 'c' } };
      draft.entries['evesFeed'] = { kind: 'feed', user: eve, opened: [1], events: [event], violations: [] };
    },
  ],
  [
    'feed-lost',
    'a feed never tells of an answer',
    (draft) => {
      const feed = draft.entries['feed'] as Mutable<FeedEntry>;
      feed.events = feed.events.filter(({ type }) => type !== 'run.ended');
    },
  ],
];

it.each(breaches)('finds %s: %s', (rule, _, spoil) => expectFound(rule, spoil));
