/** Titles that the model writes: after the first answer, beside everything else, and never over a person's. */
import type { Conversation } from '@holdfast/shared/http/schemas.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Child } from '../../scripts/services/process.ts';
import { ask, call, createConversation, follow, getRun, question } from '../support/ask.ts';
import { attemptsOf } from '../support/attempts.ts';
import { followFeed } from '../support/feed-recorder.ts';
import { firstUrl, patience, storedEnd } from '../support/inspect.ts';
import { recorded } from '../support/people.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';
import { startTitleGate, type TitleGate } from '../support/title-gate.ts';

let stack: Stack;
let base: string;
let gate: TitleGate;
let workers: Child[] = [];

beforeAll(async () => {
  // A title that is held back is silent for as long as the test needs.
  stack = await startStack({ workers: 0, env: { TITLES: 'on', UPSTREAM_IDLE_MS: '60000' } });
  base = firstUrl(stack);
  gate = await startTitleGate(stack.upstream.url);
  await startWorker();
});
afterEach(() => {
  gate.hold()();
});
afterAll(async () => {
  await stack.stop();
  await gate.stop();
});

async function startWorker(): Promise<Child> {
  const worker = await stack.startWorker({ OPENAI_BASE_URL: gate.url });
  workers.push(worker);
  return worker;
}

const read = async (id: string): Promise<Conversation> =>
  (await call<Conversation>(base, 'GET', `/api/conversations/${id}`)).body;

const titleOf = async (id: string) => {
  const { title, titleBy } = await read(id);
  return { title, titleBy };
};

/** What the conversation is found by because of its title. */
async function titleTerms(id: string): Promise<string[]> {
  const { rows } = await stack.db.query<{ terms: string }>(
    `select array_to_string(tsvector_to_array(terms), ' ') as terms from search_terms
     where conversation_id = $1 and message_id is null`,
    [id],
  );
  return rows.map(({ terms }) => terms);
}

/** Resolves when so many requests for titles wait at the gate. */
const untilHeld = (count: number) => expect.poll(() => gate.waiting(), patience).toBe(count);

/** Whether the model is to be asked for a title (again), and how often it was. */
async function plan(id: string): Promise<{ due: boolean; tries: number }> {
  const { rows } = await stack.db.query<{ due: boolean; tries: number }>(
    'select title_due_at is not null as due, title_tries as tries from conversations where id = $1',
    [id],
  );
  return rows[0] ?? { due: false, tries: -1 };
}

/** As if the time had passed that whoever took the title has for it. */
const endClaim = (id: string) =>
  stack.db.query('update conversations set title_due_at = now() where id = $1', [id]);

describe('a conversation without a title', () => {
  it('gets one after its first answer, which does not wait for it, and neither does the next one', async () => {
    const release = gate.hold();
    const feed = followFeed({ bases: [base], headers: testUser.headers });
    await feed.ready;
    const { run } = await ask(base, question({ deltas: 3, title: { text: 'Knots that hold' } }));
    expect((await follow([base], run)).terminal?.type).toBe('completed');
    await untilHeld(1);
    const second = await ask(base, question({ deltas: 3 }), run.conversationId);
    expect((await follow([base], second.run)).terminal?.type).toBe('completed');
    expect(gate.waiting()).toBe(1);
    expect(await titleOf(run.conversationId)).toEqual({ title: null, titleBy: null });

    release();
    const told = () =>
      feed.record.events.flatMap((event) =>
        event.type === 'conversation.changed' ? [event.data.conversation] : [],
      );
    await expect
      .poll(told, patience)
      .toMatchObject([{ id: run.conversationId, title: 'Knots that hold', titleBy: 'model' }]);
    await feed.stop();
    expect(feed.record.violations).toEqual([]);
    expect(await titleTerms(run.conversationId)).toEqual(['hold knots that']);
  });

  it('is asked for once, however many workers look and answers end', async () => {
    await startWorker();
    const before = gate.asked();
    const release = gate.hold();
    const asked = await Promise.all(
      Array.from({ length: 3 }, (_, n) => ask(base, question({ deltas: 1, title: { text: `Title ${n}` } }))),
    );
    await untilHeld(3);
    // All at once: a title that is held back for half a minute is asked for again.
    await Promise.all(
      asked.map(async ({ run }) => {
        await storedEnd(stack, (await ask(base, question({ deltas: 1 }), run.conversationId)).run.id);
      }),
    );
    release();
    for (const [n, { run }] of asked.entries()) {
      await expect
        .poll(() => titleOf(run.conversationId), patience)
        .toEqual({
          title: `Title ${n}`,
          titleBy: 'model',
        });
      const told = await recorded(stack, testUser.id, run.conversationId);
      expect(told.filter(({ type }) => type === 'conversation.changed')).toHaveLength(1);
    }
    expect(gate.asked() - before).toBe(3);
  });

  it('gets none where nothing was answered', async () => {
    const before = gate.asked();
    const failed = await ask(base, question({ status: 400 }));
    expect((await storedEnd(stack, failed.run.id)).status).toBe('failed');
    expect(await plan(failed.run.conversationId)).toEqual({ due: false, tries: 0 });
    const { run } = await ask(base, question({ deltas: 1 }), failed.run.conversationId);
    await storedEnd(stack, run.id);
    await expect.poll(async () => (await titleOf(run.conversationId)).titleBy, patience).toBe('model');
    expect(gate.asked() - before).toBe(1);
  });
});

describe('a title that a person writes', () => {
  it('is never asked for, nor overwritten by one that was under way', async () => {
    const before = gate.asked();
    const own = await createConversation(base, { title: 'Mine' });
    await storedEnd(stack, (await ask(base, question({ deltas: 1 }), own.id)).run.id);
    expect(await plan(own.id)).toEqual({ due: false, tries: 0 });

    const release = gate.hold();
    const { run } = await ask(base, question({ deltas: 1, title: { text: 'Too late' } }));
    await untilHeld(1);
    await call(base, 'PATCH', `/api/conversations/${run.conversationId}`, { title: 'Renamed' });
    release();
    // What the late one cost is written down when it has been read.
    await expect.poll(async () => (await attemptsOf(stack, run.id)).length, patience).toBe(2);
    // The next title of the same worker comes after it.
    const next = await ask(base, question({ deltas: 1, title: { text: 'Next' } }));
    await expect.poll(() => titleOf(next.run.conversationId), patience).toMatchObject({ title: 'Next' });
    expect(await titleOf(run.conversationId)).toEqual({ title: 'Renamed', titleBy: 'user' });
    expect(await titleOf(own.id)).toEqual({ title: 'Mine', titleBy: 'user' });
    expect(await titleTerms(run.conversationId)).toEqual(['renamed']);
    expect(gate.asked() - before).toBe(2);
  });

  it('takes the place of the model’s, and when it is taken away the next answer brings one', async () => {
    const { run } = await ask(base, question({ deltas: 1, title: { text: 'First' } }));
    const { conversationId: id } = run;
    await expect.poll(() => titleOf(id), patience).toEqual({ title: 'First', titleBy: 'model' });
    await call(base, 'PATCH', `/api/conversations/${id}`, { title: 'Better' });
    expect(await titleOf(id)).toEqual({ title: 'Better', titleBy: 'user' });
    await call(base, 'PATCH', `/api/conversations/${id}`, { title: null });
    expect(await plan(id)).toEqual({ due: false, tries: 0 });
    await storedEnd(stack, (await ask(base, question({ deltas: 1 }), id)).run.id);
    await expect.poll(() => titleOf(id), patience).toEqual({ title: 'First', titleBy: 'model' });
  });
});

describe('a title that cannot be had', () => {
  it('is tried three times, given up for good, and harms nothing', async () => {
    const before = gate.asked();
    const { run } = await ask(base, question({ deltas: 1, title: { status: 500 } }));
    const { conversationId: id } = run;
    await expect.poll(() => plan(id), patience).toEqual({ due: false, tries: 3 });
    const { run: next } = await ask(base, question({ deltas: 1 }), id);
    expect((await follow([base], next)).terminal?.type).toBe('completed');
    await storedEnd(stack, next.id);
    expect(await plan(id)).toEqual({ due: false, tries: 3 });
    expect(gate.asked() - before).toBe(3);
    expect(await titleOf(id)).toEqual({ title: null, titleBy: null });
    expect((await getRun(base, run.id)).status).toBe('completed');
  });

  it('because its worker died is written by another one', async () => {
    await Promise.all(workers.map((worker) => worker.kill()));
    workers = [];
    const doomed = await startWorker();
    const release = gate.hold();
    const { run } = await ask(base, question({ deltas: 1, title: { text: 'Survived' } }));
    await untilHeld(1);
    await doomed.kill();
    release();
    await untilHeld(0);
    await startWorker();
    expect(await titleOf(run.conversationId)).toEqual({ title: null, titleBy: null });
    await endClaim(run.conversationId);
    await expect.poll(() => titleOf(run.conversationId), patience).toMatchObject({ title: 'Survived' });
    expect(await plan(run.conversationId)).toEqual({ due: false, tries: 2 });
  });

  it('because the conversation is gone is thrown away', async () => {
    const release = gate.hold();
    const { run } = await ask(base, question({ deltas: 1, title: { text: 'Nobody' } }));
    await untilHeld(1);
    await call(base, 'DELETE', `/api/conversations/${run.conversationId}`);
    release();
    await expect.poll(async () => (await attemptsOf(stack, run.id)).length, patience).toBe(2);
    const next = await ask(base, question({ deltas: 1, title: { text: 'Next' } }));
    await expect.poll(() => titleOf(next.run.conversationId), patience).toMatchObject({ title: 'Next' });
    const stored = 'select title from conversations where id = $1';
    expect((await stack.db.query(stored, [run.conversationId])).rows).toEqual([{ title: null }]);
  });
});

describe('what a title costs', () => {
  it('is counted as the user’s, beside what the answer cost', async () => {
    const { run } = await ask(base, question({ deltas: 4, title: { deltas: 6 } }));
    await expect.poll(() => titleOf(run.conversationId), patience).toMatchObject({ titleBy: 'model' });
    const [title, answer] = await attemptsOf(stack, run.id);
    expect(title).toMatchObject({ outcome: 'completed', output: 6, estimated: false });
    expect(answer).toMatchObject({ outcome: 'completed', output: 4, estimated: false });
    expect((await getRun(base, run.id)).usage?.outputTokens).toBe(4);

    const sum = await stack.db.query<{ tokens: number }>(
      'select sum(input_tokens + output_tokens)::int as tokens from run_attempts where user_id = $1',
      [testUser.id],
    );
    const { body } = await call<{ limit: { usedToday: number } }>(base, 'GET', '/api/me/usage');
    expect(body.limit.usedToday).toBe(sum.rows[0]?.tokens);
  });
});
