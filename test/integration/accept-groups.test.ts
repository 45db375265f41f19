/** Questions of many users stored in one transaction: the same as each alone, and nobody waits for what holds up another. */

import { type Asking, acceptMessage } from '@holdfast/shared/store/accept.ts';
import { createAcceptGroups } from '@holdfast/shared/store/accept-groups.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Stack, startStack } from '../support/stack.ts';
import { newAsker, openStore } from '../support/waiting-line.ts';

let stack: Stack;
let store: Store;
let accept: ReturnType<typeof createAcceptGroups>;
beforeAll(async () => {
  stack = await startStack({ workers: 0, apis: 0 });
  store = openStore(stack);
  accept = createAcceptGroups(store);
});
afterAll(async () => {
  await store.destroy();
  await stack.stop();
});

interface Place {
  readonly userId: string;
  readonly asking: Asking;
  readonly conversationId: string;
}

/** Users, each with a conversation. */
const newPlaces = (count: number, waitingRunsMax?: number): Promise<Place[]> =>
  Promise.all(
    Array.from({ length: count }, async () => {
      const { id, asking, converse } = await newAsker(store, {}, waitingRunsMax);
      return { userId: id, asking, conversationId: await converse() };
    }),
  );

const ask = ({ asking, conversationId }: Place, text = 'A question') =>
  accept(asking, conversationId, { text });
const withKey = (place: Place, key: string, fingerprint: unknown = 'the same'): Place => ({
  ...place,
  asking: { ...place.asking, request: { userId: place.userId, key, fingerprint } },
});

const messagesOf = async ({ conversationId }: Place) =>
  (
    await sql<{ role: string; text: string; status: string; follows: boolean }>`
      select role, text, status, parent_id is not null as follows from messages
      where conversation_id = ${conversationId} order by number`.execute(store)
  ).rows;

/** What stands in all tables of an accepted question, without ids and times. */
async function tracesOf({ userId, conversationId }: Place) {
  const { rows: runs } = await sql`
    select model, parameters, status, attempt, phase, priority, pass, behind, reserved_tokens, dispatched_at from runs
    where conversation_id = ${conversationId} order by number`.execute(store);
  const { rows: events } = await sql`
    select seq::int as seq, type, (subject_id in (select id from runs union all select id from messages)) as known
    from user_events where user_id = ${userId} order by user_events.seq`.execute(store);
  const { rows: found } = await sql`
    select terms::text from search_terms where conversation_id = ${conversationId} and message_id is not null`.execute(
    store,
  );
  const { rows: shown } = await sql`
    select leaf_id = (select message_id from runs where conversation_id = conversations.id order by number desc limit 1) as newest
    from conversations where id = ${conversationId}`.execute(store);
  return { messages: await messagesOf({ conversationId } as Place), runs, events, found, shown };
}

/** A transaction that stands still with a lock until it is told to go on. */
async function standStill(lock: ReturnType<typeof sql>): Promise<() => Promise<void>> {
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const done = store.transaction().execute(async (trx) => {
    await lock.execute(trx);
    begun.resolve();
    await goOn.promise;
  });
  await begun.promise;
  return () => {
    goOn.resolve();
    return done;
  };
}

it('questions that are stored together leave all that one alone leaves', async () => {
  const [single, ...places] = await newPlaces(9);
  if (!single) throw new Error('no place');
  const alone = await acceptMessage(store, single.asking, single.conversationId, { text: 'A question' });
  const expected = await tracesOf(single);
  const together = await Promise.all(places.map((place) => ask(place)));

  const ids = together.map(({ result }) => result.run.id);
  const { rows } = await sql<{ count: number }>`
    select count(distinct xmin::text)::int as count from runs where id = any(${ids}::uuid[])`.execute(store);
  expect(rows[0]?.count).toBe(1);
  for (const [index, place] of places.entries()) {
    expect(await tracesOf(place)).toEqual(expected);
    const { result, repeated, interrupted } = together[index] ?? alone;
    expect({ repeated, interrupted }).toEqual({ repeated: false, interrupted: [] });
    const { message, run } = result;
    expect([message.conversationId, message.authorId, run.userId]).toEqual([
      place.conversationId,
      place.userId,
      place.userId,
    ]);
    expect(run.promptMessageId).toBe(message.id);
    const general = (of: typeof result) => ({
      message: { ...of.message, id: '', conversationId: '', authorId: '', createdAt: '' },
      run: {
        ...of.run,
        id: '',
        conversationId: '',
        userId: '',
        promptMessageId: '',
        messageId: '',
        eventsUrl: '',
        createdAt: '',
      },
    });
    expect(general(result)).toEqual(general(alone.result));
  }

  // The next ones follow them, and wait behind them.
  await Promise.all(places.map((place) => ask(place, 'Another one')));
  for (const place of places) {
    const { runs, messages } = await tracesOf(place);
    expect(
      runs.map((run) => [Reflect.get(run as object, 'behind'), Reflect.get(run as object, 'pass')]),
    ).toEqual([
      [false, 0],
      [true, 1],
    ]);
    expect(messages.map(({ follows }) => follows)).toEqual([false, true, true, true]);
  }
});

it('a key makes one message, however often and with whatever it is asked at once', async () => {
  const places = (await newPlaces(4)).map((place, index) => withKey(place, `key ${index}`));
  const first = await Promise.all([...places, ...places].map((place) => ask(place)));
  const again = await Promise.all(places.map((place) => ask(place)));
  for (const [index, place] of places.entries()) {
    const answers = [first[index], first[index + places.length], again[index]];
    expect(answers.map((answer) => answer?.result)).toEqual(answers.map(() => first[index]?.result));
    expect(answers.filter((answer) => !answer?.repeated)).toHaveLength(1);
    expect(await messagesOf(place)).toHaveLength(2);
  }
  const other = await Promise.allSettled(
    places.map((place, index) => ask(withKey(place, `key ${index}`, 'another request'))),
  );
  expect(other.map((each) => each.status === 'rejected' && each.reason.code)).toEqual(
    places.map(() => 'idempotency_key_reused'),
  );
});

it('who has as many waiting as they may is refused alone, and nothing of it is stored', async () => {
  const places = await newPlaces(3, 1);
  const [full] = places;
  if (!full) throw new Error('no place');
  await ask(full);
  const answers = await Promise.allSettled(places.map((place) => ask(withKey(place, 'a key'))));
  expect(answers.map((each) => (each.status === 'rejected' ? each.reason.code : 'accepted'))).toEqual([
    'too_many_waiting',
    'accepted',
    'accepted',
  ]);
  expect(await messagesOf(full)).toHaveLength(2);
});

it('a conversation that is gone is not found, and the others are stored', async () => {
  const places = await newPlaces(3);
  await sql`update conversations set deleted_at = now() where id = ${places[1]?.conversationId}`.execute(
    store,
  );
  const answers = await Promise.allSettled(places.map((place) => ask(place)));
  expect(answers.map((each) => (each.status === 'rejected' ? each.reason.code : 'accepted'))).toEqual([
    'accepted',
    'conversation_not_found',
    'accepted',
  ]);
});

it('what stands still with a lock on a conversation, a user or a feed holds up nobody else', async () => {
  for (const lock of [
    ({ conversationId }: Place) => sql`select 1 from conversations where id = ${conversationId} for update`,
    ({ userId }: Place) => sql`select pg_advisory_xact_lock(hashtextextended(${userId}::text, 1))`,
    ({ userId }: Place) => sql`select 1 from user_feeds where user_id = ${userId} for update`,
  ]) {
    const places = await newPlaces(3);
    await Promise.all(places.map((place) => ask(place)));
    const [held, ...free] = places;
    if (!held) throw new Error('no place');
    const goOn = await standStill(lock(held));
    const waiting = ask(held);
    // It would not come past this line if they waited for it.
    await Promise.all(free.map((place) => ask(place)));
    await goOn();
    await waiting;
    for (const place of places) expect(await messagesOf(place)).toHaveLength(4);
  }
});

it('what may have been stored is not stored again: a commit without an answer fails those who asked', async () => {
  const places = await newPlaces(3);
  const broken = openStore(stack, 1);
  const transaction = broken.transaction.bind(broken);
  broken.transaction = () => {
    const builder = transaction();
    const execute = builder.execute.bind(builder);
    builder.execute = async (work) => {
      await execute(work);
      throw new Error('the connection broke');
    };
    return builder;
  };
  const acceptThere = createAcceptGroups(broken);
  const answers = await Promise.allSettled(
    places.map(({ asking, conversationId }) => acceptThere(asking, conversationId, { text: 'Once' })),
  );
  await broken.destroy();
  expect(answers.map(({ status }) => status)).toEqual(places.map(() => 'rejected'));
  for (const place of places) expect(await messagesOf(place)).toHaveLength(2);
});
