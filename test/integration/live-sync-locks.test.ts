/**
 * Everything that happens is recorded for all members, in the transaction that makes it happen: transactions of different
 * conversations meet in the feeds of the same people. They must never wait for each other in a circle.
 */
import { v7Id } from '@holdfast/shared/id.ts';
import { acceptMessage } from '@holdfast/shared/store/accept.ts';
import { connectDatabase, type Store } from '@holdfast/shared/store/database.ts';
import { createRunGroups } from '@holdfast/shared/store/run-groups.ts';
import { claimRun, endRun, releaseRun } from '@holdfast/shared/store/run-lease.ts';
import { recordEvents } from '@holdfast/shared/store/user-events.ts';
import { readFeed, trimFeeds } from '@holdfast/shared/store/user-feed.ts';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makePerson, type Person } from '../support/people.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let store: Store;
let people: Person[];
beforeAll(async () => {
  stack = await startStack({ apis: 0, workers: 0 });
  store = connectDatabase({
    url: stack.env['DATABASE_URL'] ?? '',
    connectionsMax: 16,
    applicationName: 'live-sync-locks',
    onIdleError: () => {},
  });
  people = await Promise.all(['A', 'B', 'C', 'D', 'E'].map((name) => makePerson(stack, name)));
});
afterAll(async () => {
  await store.destroy();
  await stack.stop();
});

/** A conversation whose members were added in this order. */
async function conversationOf(members: readonly Person[]): Promise<string> {
  const id = v7Id();
  await store.insertInto('conversations').values({ id, parameters: '{}' }).execute();
  for (const { id: userId } of members) {
    await store
      .insertInto('members')
      .values({ conversation_id: id, user_id: userId, role: 'owner' })
      .execute();
  }
  return id;
}

async function seqsOf(userId: string): Promise<number[]> {
  const { rows } = await sql<{ seq: number }>`
    select seq::int as seq from user_events where user_id = ${userId} order by seq`.execute(store);
  return rows.map(({ seq }) => seq);
}

const expectContiguous = (seqs: readonly number[]) => {
  expect(seqs).toEqual(seqs.map((_, index) => (seqs[0] ?? 1) + index));
};

it('questions that interrupt, claims, hand-backs and ends of shared conversations never deadlock, and leave no gap', async () => {
  const orders = [
    people,
    people.toReversed(),
    [...people.slice(2), ...people.slice(0, 2)],
    people.slice(1, 4),
  ];
  const conversations = await Promise.all(orders.map(conversationOf));
  const failures: unknown[] = [];
  const runIds = new Set<string>();
  const groups = createRunGroups(store, 'test', 1);

  async function play(seed: number): Promise<void> {
    const random = seededRandom(seed);
    const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
    for (let n = 0; n < 40; n += 1) {
      try {
        if (runIds.size === 0 || random() < 0.4) {
          const { result } = await acceptMessage(
            store,
            {
              request: { userId: pick(people).id, key: undefined, fingerprint: null },
              limits: {},
              allowance: { tokensPerDay: 0, tokensPerRun: 0 },
              waitingRunsMax: 100_000,
              defaultModel: 'stand-in',
            },
            pick(conversations),
            { text: 'Hello', whenBusy: pick(['queue', 'interrupt'] as const) },
          );
          runIds.add(result.run.id);
          continue;
        }
        const runId = pick([...runIds]);
        // Alone, or with what others do at the same time.
        const grouped = random() < 0.5;
        const run = await (grouped ? groups.claim(runId) : claimRun(store, runId, 'test', 1));
        if (!run) continue;
        if (random() < 0.3) {
          await releaseRun(store, { runId, attempt: run.attempt }, { delayMs: 0, retry: false, usage: null });
          continue;
        }
        const outcome = {
          runId,
          attempt: run.attempt,
          from: 'running',
          attemptsToAdd: 0,
          status: 'completed',
          text: 'Hello',
          terminalSeq: 1,
          usage: null,
          attemptUsage: null,
        } as const;
        const ended = await (grouped ? groups.end(outcome) : endRun(store, outcome));
        if (ended) runIds.delete(runId);
      } catch (error) {
        failures.push(error);
      }
    }
  }
  await Promise.all(Array.from({ length: 16 }, (_, seed) => play(seed)));

  expect(failures).toEqual([]);
  for (const { id } of people) expectContiguous(await seqsOf(id));
});

it('a feed keeps its newest 1,000 events and those of the last hour, and says where it begins', async () => {
  const [reader, other] = [people[0]?.id ?? '', people[4]?.id ?? ''];
  const conversation = await conversationOf([people[0] as Person]);
  const record = () =>
    store.transaction().execute((trx) =>
      recordEvents(
        trx,
        conversation,
        Array.from({ length: 600 }, () => ({ type: 'conversation.changed' as const })),
      ),
    );
  const before = await seqsOf(other);
  await record();
  await record();
  await sql`update user_events set created_at = now() - interval '2 hours' where user_id = ${reader}`.execute(
    store,
  );
  const old = await readFeed(store, reader, 0);
  await record();

  await trimFeeds(store);
  const kept = await seqsOf(reader);
  expectContiguous(kept);
  // 600 of the last hour are among the newest 1,000.
  expect(kept).toHaveLength(1_000);
  const { head, trimmedTo, events, more } = await readFeed(store, reader, (kept[0] ?? 0) - 1);
  expect({ head, trimmedTo, more }).toEqual({ head: old.head + 600, trimmedTo: head - 1_000, more: true });
  expect(events[0]?.seq).toBe(trimmedTo + 1);
  expect(await seqsOf(other)).toEqual(before);

  // More than 1,000 of the last hour are all kept.
  await record();
  await record();
  await trimFeeds(store);
  expect(await seqsOf(reader)).toHaveLength(1_800);
});

it('one call tells different people different things, numbered for each of them', async () => {
  const [ada, bob] = await Promise.all([makePerson(stack, 'Ada'), makePerson(stack, 'Bob')]);
  const conversation = await conversationOf([ada]);
  await store
    .transaction()
    .execute((trx) =>
      recordEvents(trx, conversation, [
        { type: 'conversation.removed', userIds: [bob.id] },
        { type: 'conversation.changed' },
        { type: 'conversation.added', userIds: [ada.id, bob.id] },
      ]),
    );
  const told = async (userId: string) =>
    (await readFeed(store, userId, 0)).events.map(({ seq, type }) => `${seq} ${type}`);
  expect(await told(ada.id)).toEqual(['1 conversation.changed', '2 conversation.added']);
  expect(await told(bob.id)).toEqual(['1 conversation.removed', '2 conversation.added']);
});
