/**
 * The hub of feeds on a real Postgres, with the clock in hand: what comes by a nudge, what by the comparison, and what a
 * reader that takes nothing is spared.
 */
import { v7Id } from '@holdfast/shared/id.ts';
import { createLogger } from '@holdfast/shared/logger.ts';
import { acceptMessage } from '@holdfast/shared/store/accept.ts';
import { connectDatabase, type Store } from '@holdfast/shared/store/database.ts';
import { recordEvents } from '@holdfast/shared/store/user-events.ts';
import { openFeed } from '@holdfast/shared/store/user-feed.ts';
import type { NudgeHandlers } from '@holdfast/shared/sync/feed-bell.ts';
import type { FeedCursor } from '@holdfast/shared/sync/feed-cursor.ts';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { createFeedHub, type FeedHub } from '../../apps/api/src/feed/feed-hub.ts';
import type { FeedSession } from '../../apps/api/src/feed/feed-session.ts';
import type { Subscription } from '../../apps/api/src/hub/reader.ts';
import { patience } from '../support/inspect.ts';
import { makePerson, type Person } from '../support/people.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let store: Store;
beforeAll(async () => {
  stack = await startStack({ apis: 0, workers: 0 });
  store = connectDatabase({
    url: stack.env['DATABASE_URL'] ?? '',
    connectionsMax: 4,
    applicationName: 'live-sync-hub',
    onIdleError: () => {},
  });
});
afterAll(async () => {
  await store.destroy();
  await stack.stop();
});

let person: Person;
let conversationId: string;
let nudges: NudgeHandlers;
let feedHub: FeedHub;
let tick: () => void;
/** What the reader was sent and which runs it follows, in order. */
let journal: string[];
beforeEach(async () => {
  journal = [];
  person = await makePerson(stack, 'Ada');
  conversationId = v7Id();
  await store.insertInto('conversations').values({ id: conversationId, parameters: '{}' }).execute();
  await store
    .insertInto('members')
    .values({ conversation_id: conversationId, user_id: person.id, role: 'owner' })
    .execute();
  // The comparison comes when a test says so.
  const everySecond = vi.spyOn(globalThis, 'setInterval').mockImplementationOnce((run) => {
    tick = run as () => void;
    return { unref: () => {} } as unknown as NodeJS.Timeout;
  });
  feedHub = createFeedHub({
    store,
    hub: {
      subscribe(runId) {
        journal.push(`follows ${runId}`);
        return { close: () => journal.push(`leaves ${runId}`) } as unknown as Subscription;
      },
      runCount: 0,
      close: () => {},
    },
    positions: { watch: () => () => {} },
    listen: (handlers) => {
      nudges = handlers;
    },
    logger: createLogger('test', 'silent'),
  });
  everySecond.mockRestore();
});
afterEach(() => feedHub.close());

const change = () =>
  store.transaction().execute((trx) => recordEvents(trx, conversationId, [{ type: 'conversation.changed' }]));

interface Reader {
  readonly frames: string[];
  readonly session: FeedSession;
  full: boolean;
  writable: (() => void) | null;
}

async function read(follow: readonly string[] = [], cursor: FeedCursor | null = null): Promise<Reader> {
  const opening = await openFeed(store, person.id, follow, []);
  const frames: string[] = [];
  const reader: { full: boolean; writable: (() => void) | null } = { full: false, writable: null };
  const session = feedHub.follow(
    { userId: person.id, follow, cursor, opening },
    {
      get full() {
        return reader.full;
      },
      sendFrame(frame) {
        frames.push(frame.toString());
        journal.push(/^event: (\S+)/m.exec(frame.toString())?.[1] ?? '');
      },
      whenWritable: () =>
        new Promise((resolve) => {
          reader.writable = resolve;
        }),
      end: () => {},
    },
  );
  await expect.poll(() => session.waitsAt, patience).not.toBeNull();
  return Object.assign(reader, { frames, session });
}

const idsOf = (reader: Reader) => reader.frames.map((frame) => /^id: (\S+)/.exec(frame)?.[1]);

it('a nudge is enough: nothing waits for the comparison', async () => {
  const reader = await read();
  for (let n = 1; n <= 5; n += 1) {
    await change();
    nudges.onNudge([v7Id(), person.id]);
    await expect.poll(() => idsOf(reader).at(-1), patience).toBe(String(n));
  }
  expect(idsOf(reader)).toEqual(['0', '1', '2', '3', '4', '5']);
});

it('the comparison finds what no nudge told, and a reconnection to Redis looks at once', async () => {
  const reader = await read();
  await change();
  tick();
  await expect.poll(() => idsOf(reader), patience).toEqual(['0', '1']);
  await change();
  nudges.onInterruption();
  await expect.poll(() => idsOf(reader), patience).toEqual(['0', '1', '2']);
});

it('a reader that takes nothing is sent nothing, whatever happens, and gets it all when it reads on', async () => {
  const reader = await read();
  const other = await read();
  await change();
  nudges.onNudge([person.id]);
  await expect.poll(() => [idsOf(reader).length, idsOf(other).length], patience).toEqual([2, 2]);
  reader.full = true;
  for (let n = 0; n < 250; n += 1) await change();
  nudges.onNudge([person.id]);
  await expect.poll(() => idsOf(other).at(-1), patience).toBe('251');
  expect(idsOf(reader)).toHaveLength(2);
  reader.full = false;
  reader.writable?.();
  await expect.poll(() => idsOf(reader).at(-1), patience).toBe('251');
  expect(idsOf(reader)).toEqual(idsOf(other));
});

const ask = async (): Promise<string> => {
  const { result } = await acceptMessage(
    store,
    {
      request: { userId: person.id, key: undefined, fingerprint: null },
      limits: {},
      allowance: { tokensPerDay: 0, tokensPerRun: 0 },
      waitingRunsMax: 10,
      defaultModel: 'stand-in',
    },
    conversationId,
    { text: 'Hello' },
  );
  return result.run.id;
};

it('a run is followed once its run.queued was told, also when that is told again', async () => {
  const first = await ask();
  await read([conversationId]);
  expect(journal).toEqual(['ready', `follows ${first}`]);
  journal.length = 0;
  await read([conversationId], { seq: 0, runs: new Map() });
  expect(journal).toEqual(['ready', 'message.added', 'run.queued', `follows ${first}`]);
  const second = await ask();
  journal.length = 0;
  await read([conversationId], { seq: 2, runs: new Map() });
  expect(journal).toEqual(['ready', 'message.added', 'run.queued', `follows ${first}`, `follows ${second}`]);
});

it('a reader that takes nothing does not follow what it may not see any more', async () => {
  const runId = await ask();
  const reader = await read([conversationId]);
  reader.full = true;
  await ask();
  nudges.onNudge([person.id]);
  await store.deleteFrom('members').where('conversation_id', '=', conversationId).execute();
  await store
    .transaction()
    .execute((trx) =>
      recordEvents(trx, conversationId, [{ type: 'conversation.removed', userIds: [person.id] }]),
    );
  nudges.onNudge([person.id]);
  await expect.poll(() => journal, patience).toEqual(['ready', `follows ${runId}`, `leaves ${runId}`]);
});

it('is rid of a user when the last connection has closed', async () => {
  const [first, second] = [await read(), await read()];
  expect(feedHub.userCount).toBe(1);
  first.session.close();
  expect(feedHub.userCount).toBe(1);
  second.session.close();
  expect(feedHub.userCount).toBe(0);
  await change();
  nudges.onNudge([person.id]);
  tick();
  expect(idsOf(first)).toEqual(['0']);
});
