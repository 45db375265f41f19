/** `/api/events` of several people in one conversation: all are told the same, and nobody more than they may see. */
import type { MessageRow } from '@holdfast/shared/store/views.ts';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { ask, call, createConversation, question } from '../support/ask.ts';
import { createFeedReaders, typesOf, whenEnded, whenUnderWay } from '../support/feed-readers.ts';
import type { FollowFeedOptions } from '../support/feed-recorder.ts';
import { patience, twoUrls } from '../support/inspect.ts';
import { as, join, makePerson, type Person } from '../support/people.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let bases: readonly [string, string];
beforeAll(async () => {
  stack = await startStack({ apis: 2 });
  bases = twoUrls(stack);
});
afterAll(() => stack.stop());

const feeds = createFeedReaders(() => bases);
afterEach(() => feeds.stop());

const watchAs = (person: Person | null, options: Partial<FollowFeedOptions> = {}) =>
  feeds.watch({ ...(person ? { headers: person.headers } : {}), ...options });

const slow = { deltas: 200, seed: 7, intervalMs: 25 };

it('two users in one conversation see what the other one asks, and the same answers, live', async () => {
  const { id } = await createConversation(bases[0]);
  const ada = await makePerson(stack, 'Ada');
  const adas = await watchAs(ada);
  await join(bases[0], id, ada, 'writer');
  await expect.poll(() => typesOf(adas), patience).toContain('conversation.added');
  await adas.stop();

  const readers = await Promise.all([watchAs(null, { follow: [id] }), watchAs(ada, { follow: [id] })]);
  const directive = { deltas: 20, seed: 1, intervalMs: 10 };
  const mine = await ask(bases[0], question(directive), id);
  const hers = await as<typeof mine>(ada, bases[1], 'POST', `/api/conversations/${id}/messages`, {
    text: question({ ...directive, seed: 2 }),
  });
  expect(hers.status).toBe(202);
  for (const reader of readers) {
    await whenEnded(reader, hers.body.run.id);
    expect(reader.record.violations).toEqual([]);
    const told = reader.record.events.filter((event) => event.type === 'message.added');
    expect(told.map((event) => event.data.message.authorId)).toEqual([mine.message.authorId, ada.id]);
    expect(reader.record.runs.get(mine.run.id)?.text).toBe(scriptedText(directive).join(''));
    expect(reader.record.runs.get(hers.body.run.id)?.text).toBe(
      scriptedText({ ...directive, seed: 2 }).join(''),
    );
  }
});

it('who is removed in mid-answer is told so, and nothing more; the others read on', async () => {
  const { id } = await createConversation(bases[0]);
  const bob = await makePerson(stack, 'Bob');
  await join(bases[0], id, bob, 'reader');
  const mine = await watchAs(null, { follow: [id] });
  const bobs = await watchAs(bob, { follow: [id] });
  // One who does not read at the moment must not find later what came after.
  const stalled = await watchAs(bob, { follow: [id] });
  stalled.stall();
  const { run } = await ask(bases[0], question({ ...slow, bytes: 4_000_000 }), id);
  await whenUnderWay(bobs, run.id, 10);
  expect((await call(bases[1], 'DELETE', `/api/conversations/${id}/members/${bob.id}`)).status).toBe(204);
  await expect.poll(() => typesOf(bobs), patience).toContain('conversation.removed');
  const seen = bobs.record.events.length;
  await whenEnded(mine, run.id);
  stalled.resume();
  await expect.poll(() => typesOf(stalled), patience).toContain('conversation.removed');

  expect(bobs.record.events.length).toBe(seen);
  expect(bobs.record.violations).toEqual([]);
  expect(stalled.record.violations).toEqual([]);
  const whole = mine.record.runs.get(run.id)?.text.length ?? 0;
  expect(stalled.record.runs.get(run.id)?.text.length ?? 0).toBeLessThan(whole);
  expect(mine.record.violations).toEqual([]);
  // It stays so for one who comes back, from before and with the same address.
  const before = await watchAs(bob, { follow: [id], cursor: '0' });
  await expect.poll(() => typesOf(before), patience).toContain('conversation.removed');
  await createConversation(bases[0]);
  expect(new Set(typesOf(before))).toEqual(new Set(['ready', 'conversation.removed']));
});

it('who comes back reads on what is being answered', async () => {
  const { id } = await createConversation(bases[0]);
  const eve = await makePerson(stack, 'Eve');
  await join(bases[0], id, eve, 'reader');
  const eves = await watchAs(eve, { follow: [id] });
  const { run } = await ask(bases[0], question(slow), id);
  await whenUnderWay(eves, run.id, 5);
  expect((await as(eve, bases[0], 'POST', `/api/conversations/${id}/leave`)).status).toBe(204);
  await expect.poll(() => typesOf(eves), patience).toContain('conversation.removed');
  const seen = eves.record.events.filter((event) => event.type === 'run.event').length;
  await join(bases[0], id, eve, 'reader');
  await whenEnded(eves, run.id);
  const after = eves.record.events.filter((event) => event.type === 'run.event').slice(seen);
  expect(after[0]?.data.type).toBe('started');
  expect(after.at(-1)?.data.type).toBe('completed');
});

it('a deleted conversation is removed for all its members', async () => {
  const { id } = await createConversation(bases[0]);
  const dan = await makePerson(stack, 'Dan');
  await join(bases[0], id, dan, 'writer');
  const readers = await Promise.all([watchAs(null, { follow: [id] }), watchAs(dan, { follow: [id] })]);
  await ask(bases[0], question(slow), id);
  for (const { record } of readers) await expect.poll(() => record.runs.size, patience).toBe(1);
  expect((await call(bases[1], 'DELETE', `/api/conversations/${id}`)).status).toBe(204);
  for (const reader of readers) {
    await expect.poll(() => typesOf(reader), patience).toContain('conversation.removed');
    expect(reader.record.violations).toEqual([]);
  }
});

it('an event that is read late tells what is true now', async () => {
  const conversation = await createConversation(bases[0], { title: 'First' });
  const reader = await watchAs(null);
  const cursor = reader.record.cursor ?? '';
  await reader.stop();
  const { run } = await ask(bases[0], question({ deltas: 3 }), conversation.id);
  const answer = async (): Promise<MessageRow['status'] | undefined> =>
    (await stack.db.query('select status from messages where id = $1', [run.messageId])).rows[0]?.status;
  await expect.poll(answer, patience).toBe('completed');
  const late = await watchAs(null, { cursor });
  await whenEnded(late, run.id);
  const queued = late.record.events.find((event) => event.type === 'run.queued');
  expect(queued?.data.run).toMatchObject({ id: run.id, status: 'completed' });
  expect(late.record.violations).toEqual([]);
});
