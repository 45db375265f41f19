/** Where a connection to `/api/events` begins, and what it follows. */
import type { LiveEvent } from '@holdfast/shared/http/sync.ts';
import { parseFeedCursor } from '@holdfast/shared/sync/feed-cursor.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ask, call, createConversation, question } from '../support/ask.ts';
import { createFeedReaders, typesOf, whenEnded } from '../support/feed-readers.ts';
import type { FollowFeedOptions } from '../support/feed-recorder.ts';
import { patience, twoUrls } from '../support/inspect.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let bases: readonly [string, string];
beforeAll(async () => {
  stack = await startStack({ apis: 2, env: { EVENT_CONNECTIONS_PER_USER_MAX: '100' } });
  bases = twoUrls(stack);
});
afterAll(() => stack.stop());

const feeds = createFeedReaders(() => bases);
afterEach(() => feeds.stop());

const directive = { deltas: 20, seed: 3, intervalMs: 10 };

describe('the cursor', () => {
  const firstOf = async (options: Partial<FollowFeedOptions>): Promise<LiveEvent | undefined> => {
    const reader = await feeds.watch(options);
    return reader.record.events[0];
  };

  it('may be any place of the feed: what follows it is told again, in the same order', async () => {
    const conversation = await createConversation(bases[0]);
    const reference = await feeds.watch();
    const first = parseFeedCursor(reference.record.cursor ?? '')?.seq ?? 0;
    const { run } = await ask(bases[0], question(directive), conversation.id);
    await whenEnded(reference, run.id);
    for (let seq = first; seq < (reference.record.seqs.at(-1) ?? 0); seq += 1) {
      const reader = await feeds.watch({
        cursor: String(seq),
        cursorBy: 'query',
        bases: [bases[seq % 2] ?? ''],
      });
      await whenEnded(reader, run.id);
      expect(reader.record.violations).toEqual([]);
      expect(reader.record.seqs).toEqual(reference.record.seqs.filter((each) => each > seq));
    }
  });

  it('that is missing begins with now; one of the future or of no use begins with resync', async () => {
    expect((await firstOf({}))?.type).toBe('ready');
    for (const cursor of ['999999999', 'rubbish', '7~', `7~${'x'.repeat(300)}`, '-1', '07']) {
      expect((await firstOf({ cursor }))?.type, cursor).toBe('resync');
    }
  });

  it('that is no cursor at all is refused in the query, and the header wins over the query', async () => {
    const refused = await call(bases[0], 'GET', '/api/events?cursor=rubbish');
    expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_cursor' } });
    const reader = await feeds.watch();
    const { cursor } = reader.record;
    const headers = { 'last-event-id': cursor ?? '' };
    expect((await firstOf({ cursor: '999999999', cursorBy: 'query', headers }))?.type).toBe('ready');
  });

  it('of a feed whose events were removed begins with resync, and what follows goes on from now', async () => {
    const reader = await feeds.watch();
    const { cursor } = reader.record;
    await createConversation(bases[0]);
    await stack.db.query('update user_feeds set trimmed_to = seq');
    await stack.db.query('delete from user_events');
    const late = await feeds.watch({ cursor: cursor ?? '' });
    expect(typesOf(late)).toEqual(['resync']);
    const conversation = await createConversation(bases[0]);
    await expect.poll(() => typesOf(late), patience).toEqual(['resync', 'conversation.added']);
    expect(late.record.events[1]?.data).toMatchObject({ conversation: { id: conversation.id } });
    expect(late.record.violations).toEqual([]);
  });
});

describe('what is followed', () => {
  it('is refused on a first request when the user cannot see it or it is too much', async () => {
    const unknown = '01999999-0000-7000-8000-000000000000';
    for (const follow of [unknown, 'rubbish', `${unknown},`]) {
      const reply = await call(bases[0], 'GET', `/api/events?follow=${follow}`);
      expect(reply, follow).toMatchObject({ status: 404, body: { code: 'conversation_not_found' } });
    }
    const many = Array.from({ length: 11 }, (_, n) => unknown.replace(/0$/, n.toString(16))).join(',');
    expect(await call(bases[0], 'GET', `/api/events?follow=${many}`)).toMatchObject({
      status: 400,
      body: { code: 'invalid_request' },
    });
  });

  it('is left out when somebody resumes and cannot see it any more', async () => {
    const unknown = '01999999-0000-7000-8000-000000000000';
    const reader = await feeds.watch();
    const resumed = await feeds.watch({ cursor: reader.record.cursor ?? '', follow: [unknown] });
    expect(resumed.record.connections[0]?.status).toBe(200);
  });
});
