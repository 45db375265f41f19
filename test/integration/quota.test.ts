/**
 * The tokens of a day: set aside when a run is accepted, settled when it ends, never spent twice.
 *
 * It is longer than 250 lines because its tests share a stack, which takes longer to start than most of them.
 */
import type { AcceptedMessage, Conversation, RunView } from '@holdfast/shared/http/schemas.ts';
import type { UsageReport } from '@holdfast/shared/http/usage.ts';
import { extendReservation } from '@holdfast/shared/store/allowance.ts';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Child } from '../../scripts/services/process.ts';
import { type getHistory, question, type Reply } from '../support/ask.ts';
import { attemptsOf } from '../support/attempts.ts';
import { patience, storedEnd, twoUrls } from '../support/inspect.ts';
import { as, makePerson, type Person } from '../support/people.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { openStore } from '../support/waiting-line.ts';

const tokensPerRun = 1_000;

let stack: Stack;
let bases: readonly [string, string];
let workers: Child[] = [];
beforeAll(async () => {
  stack = await startStack({
    apis: 2,
    workers: 0,
    env: {
      RUN_TOKENS_RESERVED: String(tokensPerRun),
      UPSTREAM_IDLE_MS: '60000',
      TOKENS_PER_USER_PER_DAY: '0',
    },
  });
  bases = twoUrls(stack);
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.kill()));
  workers = [];
});
afterAll(() => stack.stop());

async function startWorker(): Promise<Child> {
  const worker = await stack.startWorker();
  workers.push(worker);
  return worker;
}

async function newSpender(tokensPerDay: number): Promise<Person> {
  const person = await makePerson(stack, 'Spender');
  await setLimit(person, tokensPerDay);
  return person;
}

const setLimit = (person: Person, tokensPerDay: number) =>
  stack.db.query('update users set limits = $2 where id = $1', [person.id, JSON.stringify({ tokensPerDay })]);

type Asked = Reply<AcceptedMessage & { code: string; detail: string }>;

/** Asks in a new conversation. */
async function askAs(person: Person, n: number, text: string, more: object = {}): Promise<Asked> {
  const base = bases[n % 2] ?? '';
  const { id } = (await as<Conversation>(person, base, 'POST', '/api/conversations', {})).body;
  return as(person, base, 'POST', `/api/conversations/${id}/messages`, { text, ...more });
}

async function askAccepted(person: Person, text: string, more: object = {}): Promise<RunView> {
  const reply = await askAs(person, 0, text, more);
  expect(reply.status, JSON.stringify(reply.body)).toBe(202);
  return reply.body.run;
}

const limitOf = async (person: Person): Promise<UsageReport['limit']> =>
  (await as<UsageReport>(person, bases[1], 'GET', '/api/me/usage')).body.limit;

/** What is set aside for one run with this text, as `store/allowance.ts` reckons it. */
const reservedFor = (text: string) => Math.ceil(Buffer.byteLength(text) / 4) + 4 + tokensPerRun;

function expectNoTokens({ status, body }: Asked): void {
  expect([status, body.code]).toEqual([429, 'token_limit_reached']);
}

const short = question({ deltas: 3 });
/** Far more than anybody here may have; at this pace a worker has time to ask for more. */
const endless = { deltas: 100_000, intervalMs: 1, noUsage: true };

it('of 20 runs at the same time over two processes, exactly as many are accepted as there are tokens for', async () => {
  const limit = 5 * reservedFor(short);
  const person = await newSpender(limit);
  const replies = await Promise.all(Array.from({ length: 20 }, (_, n) => askAs(person, n, short)));
  const accepted = replies.filter(({ status }) => status === 202);
  expect(accepted).toHaveLength(5);
  for (const reply of replies.filter(({ status }) => status !== 202)) {
    expectNoTokens(reply);
    // They may be free again in a moment.
    expect(reply.headers.get('retry-after')).toBeNull();
  }
  expect(await limitOf(person)).toEqual({ tokensPerDay: limit, usedToday: 0, reserved: limit });
  // Nothing of a refused message is kept.
  const { rows } = await stack.db.query('select 1 from messages where author_id = $1', [person.id]);
  expect(rows).toHaveLength(5);

  // What is cancelled before it began gives everything back.
  for (const { body } of accepted) await as(person, bases[0], 'POST', `/api/runs/${body.run.id}/cancel`);
  expect(await limitOf(person)).toEqual({ tokensPerDay: limit, usedToday: 0, reserved: 0 });
  expect((await askAs(person, 1, short)).status).toBe(202);
});

it('an answer that ends costs what it cost, and gives back the rest', async () => {
  const person = await newSpender(2 * reservedFor(short));
  await startWorker();
  const run = await askAccepted(person, short);
  await storedEnd(stack, run.id);
  const [attempt] = await attemptsOf(stack, run.id);
  const usedToday = (attempt?.input ?? 0) + (attempt?.output ?? 0);
  expect(usedToday).toBeGreaterThan(3);
  expect(await limitOf(person)).toMatchObject({ usedToday, reserved: 0 });
});

it('a run that fails gives its tokens back', async () => {
  const text = question({ status: 400 });
  const person = await newSpender(reservedFor(text));
  await startWorker();
  for (let n = 0; n < 3; n += 1) await storedEnd(stack, (await askAccepted(person, text)).id);
  expect(await limitOf(person)).toMatchObject({ usedToday: 0, reserved: 0 });
});

it('who has used up the tokens of today is told when there are new ones', async () => {
  const person = await newSpender(1);
  await stack.db.query(
    `insert into run_attempts (user_id, run_id, model, attempt, ended_at, input_tokens, worker_id, outcome)
     values ($1, gen_random_uuid(), 'any', 1, now(), 1, 'test', 'completed')`,
    [person.id],
  );
  const refused = await askAs(person, 0, short);
  expectNoTokens(refused);
  const retryAfter = Number(refused.headers.get('retry-after'));
  expect(retryAfter).toBeGreaterThan(0);
  expect(retryAfter).toBeLessThanOrEqual(86_400);
  // Tomorrow.
  await stack.db.query(
    `update run_attempts set ended_at = date_trunc('day', now(), 'UTC') - interval '1 second'
                        where user_id = $1`,
    [person.id],
  );
  await setLimit(person, reservedFor(short));
  expect((await askAs(person, 0, short)).status).toBe(202);
});

it('max_tokens is set aside as it is asked for, and what is left if that is less', async () => {
  const person = await newSpender(10_000);
  await askAccepted(person, short, { parameters: { max_tokens: 3_000 } });
  expect((await limitOf(person)).reserved).toBe(reservedFor(short) - tokensPerRun + 3_000);
  await askAccepted(person, short, { parameters: { max_tokens: 1_000_000 } });
  expect((await limitOf(person)).reserved).toBe(10_000);
  expectNoTokens(await askAs(person, 0, short));
});

it('a conversation that takes more tokens to read than there are is refused', async () => {
  const person = await newSpender(2_000);
  const long = await askAs(person, 0, 'long '.repeat(2_000));
  expectNoTokens(long);
  expect(long.body.detail).toMatch(/to read/);
  expect((await askAs(person, 0, short)).status).toBe(202);
});

it('0 is no limit, for a user as in the settings', async () => {
  const person = await newSpender(1);
  expectNoTokens(await askAs(person, 0, short));
  await setLimit(person, 0);
  await askAccepted(person, short);
  expect(await limitOf(person)).toEqual({ tokensPerDay: null, usedToday: 0, reserved: 0 });
});

it('an answer that outgrows what was set aside takes more, and comes to its end', async () => {
  const person = await newSpender(1_000_000);
  await startWorker();
  const deltas = 2_000;
  const run = await askAccepted(person, question({ deltas, intervalMs: 1 }), {
    parameters: { max_tokens: 10 },
  });
  const before = (await limitOf(person)).reserved;
  await expect.poll(async () => (await limitOf(person)).reserved, patience).toBeGreaterThan(before + 1_000);
  const stored = await storedEnd(stack, run.id);
  expect(stored).toMatchObject({ status: 'completed', usage: { outputTokens: deltas } });
  expect((await limitOf(person)).reserved).toBe(0);
});

it('answers that are written at the same time end when the tokens do, with what they have, and overshoot by less than one answer', async () => {
  const limit = 6_000;
  const person = await newSpender(limit);
  await Promise.all([startWorker(), startWorker()]);
  const runs = await Promise.all(
    Array.from({ length: 5 }, () =>
      askAccepted(person, question(endless), { parameters: { max_tokens: 500 } }),
    ),
  );
  for (const run of runs) {
    expect(await storedEnd(stack, run.id)).toMatchObject({
      status: 'failed',
      failure_code: 'token_limit_reached',
    });
    const { messages } = await getHistoryAs(person, run.conversationId);
    expect(messages.at(-1)?.text.length).toBeGreaterThan(100);
    expect(messages.at(-1)?.failure).toMatchObject({ code: 'token_limit_reached' });
  }
  const { usedToday, reserved } = await limitOf(person);
  expect(reserved).toBe(0);
  expect(usedToday).toBeGreaterThan(limit / 3);
  // An answer had a fifth of them.
  expect(usedToday).toBeLessThan(limit + limit / 5);
});

it('runs that ask for more at the same time never get more together than there is', async () => {
  const limit = 5 * reservedFor(short) + 7_500;
  const person = await newSpender(limit);
  for (let n = 0; n < 5; n += 1) await askAccepted(person, short);
  const { rows } = await stack.db.query<{ id: string }>(
    `update runs set status = 'running', attempt = 1 where user_id = $1 returning id`,
    [person.id],
  );
  const store = openStore(stack, 20);
  const granted = await Promise.all(
    Array.from({ length: 40 }, (_, n) =>
      extendReservation(store, { runId: rows[n % 5]?.id ?? '', attempt: 1 }, 1_000, { tokensPerDay: 0 }),
    ),
  ).finally(() => store.destroy());
  const sum = granted.reduce((tokens: number, more) => tokens + (more ?? 0), 0);
  expect(sum).toBe(7_500);
  expect((await limitOf(person)).reserved).toBe(limit);
});

it('an attempt whose worker died is paid for when the next one has it', async () => {
  const person = await newSpender(100_000);
  const victim = await startWorker();
  const run = await askAccepted(
    person,
    question({ deltas: 60, intervalMs: 5, fault: 'stall', atDelta: 20, times: 1, key: 'paid' }),
  );
  await expect
    .poll(async () => stack.upstream.journal().find((entry) => entry.key === 'paid')?.deltasSent, patience)
    .toBe(20);
  await victim.kill();
  expect((await limitOf(person)).reserved).toBeGreaterThan(0);
  await startWorker();
  await storedEnd(stack, run.id);
  const attempts = await attemptsOf(stack, run.id);
  expect(attempts.map(({ outcome }) => outcome)).toEqual(['lost', 'completed']);
  const sum = attempts.reduce((tokens, { input, output }) => tokens + input + output, 0);
  expect(await limitOf(person)).toMatchObject({ usedToday: sum, reserved: 0 });
});

const getHistoryAs = async (person: Person, conversationId: string) =>
  (
    await as<Awaited<ReturnType<typeof getHistory>>>(
      person,
      bases[0],
      'GET',
      `/api/conversations/${conversationId}/messages`,
    )
  ).body;
