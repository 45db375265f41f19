/** Several messages for one conversation at the same time: what becomes of each of them, over two processes. */
import type { AcceptedMessage } from '@holdfast/shared/http/schemas.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Directive } from '../../packages/stand-in/src/directive.ts';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { call, createConversation, getHistory, question, type Reply } from '../support/ask.ts';
import {
  allEnd,
  expectOneEnd,
  patience,
  storedEnd,
  twoUrls,
  underWay,
  watch,
  workerOf,
} from '../support/inspect.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let bases: readonly [string, string];
beforeAll(async () => {
  stack = await startStack({ apis: 2, workers: 2 });
  bases = twoUrls(stack);
});
afterAll(() => stack.stop());

type Posted = Reply<AcceptedMessage & { code: string }>;
type WhenBusy = 'queue' | 'reject' | 'interrupt';

const post = (n: number, conversationId: string, directive: Directive, whenBusy?: WhenBusy) =>
  call<Posted['body']>(bases[n % 2] ?? '', 'POST', `/api/conversations/${conversationId}/messages`, {
    text: question(directive),
    ...(whenBusy ? { whenBusy } : {}),
  });

/** Posts all at the same time, to one process and the other in turn. */
const postAll = (
  conversationId: string,
  count: number,
  directive: (n: number) => Directive,
  mode: WhenBusy,
) => Promise.all(Array.from({ length: count }, (_, n) => post(n, conversationId, directive(n), mode)));

interface AcceptedRun {
  readonly id: string;
  readonly status: string;
  readonly failure: string | null;
  readonly question: string;
}

/** The runs of a conversation in the order of their acceptance. */
async function acceptedRuns(conversationId: string): Promise<AcceptedRun[]> {
  const { rows } = await stack.db.query<AcceptedRun>(
    `select runs.id, runs.status, runs.failure_code as failure, messages.text as question
     from runs join messages on messages.id = prompt_message_id
     where runs.conversation_id = $1 order by runs.number`,
    [conversationId],
  );
  return rows;
}

async function allEnded(conversationId: string): Promise<AcceptedRun[]> {
  await expect
    .poll(async () => (await acceptedRuns(conversationId)).map((run) => run.status), patience)
    .not.toEqual(expect.arrayContaining([expect.stringMatching(/queued|running/)]));
  return acceptedRuns(conversationId);
}

/** Each attempt began after every attempt of another run of the conversation was over, by Postgres' clock. */
async function expectOneAtATime(conversationId: string): Promise<void> {
  const { rows } = await stack.db.query(
    `with attempts as (
       select run_id, run_attempts.started_at, coalesce(ended_at, 'infinity') as ended_at
       from run_attempts join runs on runs.id = run_id where conversation_id = $1
     )
     select one.run_id, other.run_id from attempts one join attempts other
       on one.run_id <> other.run_id and one.started_at < other.ended_at and other.started_at < one.ended_at`,
    [conversationId],
  );
  expect(rows, 'runs that were answered at the same time').toEqual([]);
}

interface AskedOfProvider {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}
/** What the provider was asked under this key, each time. */
const promptsOf = (key: string): string[][] =>
  stack.upstream
    .journal()
    .filter((entry) => entry.key === key)
    .map(({ body }) => (body as AskedOfProvider).messages.map((message) => message.content));

it('reject: of 20 posts at the same time over two processes one is taken, and the others are told that it is busy', async () => {
  const { id } = await createConversation(bases[0]);
  const replies = await postAll(id, 20, (n) => ({ deltas: 50, seed: n, intervalMs: 1_000 }), 'reject');
  const taken = replies.filter((reply) => reply.status === 202);
  expect(taken).toHaveLength(1);
  for (const { status, body, headers } of replies) {
    if (status === 202) continue;
    expect([status, body.code]).toEqual([409, 'conversation_busy']);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  }
  expect(await acceptedRuns(id)).toHaveLength(1);
  expect((await getHistory(bases[1], id)).messages.filter(({ role }) => role === 'user')).toHaveLength(1);
  await call(bases[1], 'POST', `/api/runs/${taken[0]?.body.run.id}/cancel`);
  await allEnded(id);
  expect((await post(1, id, { deltas: 1 }, 'reject')).status).toBe(202);
  await allEnded(id);
});

it('queue: 20 posts at the same time are answered one after the other in the order of acceptance, each knowing the answers before', async () => {
  const { id } = await createConversation(bases[0]);
  const directive = (n: number) => ({ text: `Answer ${n}.`, key: `queued-${n}` });
  const replies = await postAll(id, 20, directive, 'queue');
  expect(replies.map((reply) => reply.status)).toEqual(Array(20).fill(202));
  const runs = await allEnded(id);
  expect(runs.map((run) => run.status)).toEqual(Array(20).fill('completed'));
  const nth = new Map(replies.map(({ body }, n) => [body.run.id, n]));
  const before: string[] = [];
  for (const run of runs) {
    const n = nth.get(run.id);
    if (n === undefined) throw new Error('a run that nobody asked for');
    // Asked once, with everything before it: so none began before the one before had ended.
    expect(promptsOf(`queued-${n}`)).toEqual([[...before, run.question]]);
    before.push(run.question, `Answer ${n}.`);
  }
  expect((await getHistory(bases[1], id)).messages.map((message) => message.text)).toEqual(before);
  await expectOneAtATime(id);
});

it('interrupt: of 20 posts at the same time the last accepted one is answered, and all others end as cancelled, once', async () => {
  const { id } = await createConversation(bases[0]);
  const first = await post(0, id, { deltas: 500, intervalMs: 100, key: 'interrupted first' });
  const [reader] = watch([bases[0]], first.body.run);
  await underWay(reader, 3);
  const replies = await postAll(id, 20, (n) => ({ deltas: 5, intervalMs: 300, seed: n }), 'interrupt');
  expect(replies.map((reply) => reply.status)).toEqual(Array(20).fill(202));
  const runs = await allEnded(id);
  expect(runs).toHaveLength(21);
  expect(runs.map((run) => run.status)).toEqual([...Array(20).fill('cancelled'), 'completed']);
  for (const { body } of [first, ...replies]) await expectOneEnd(stack, body.run);
  const [record] = await allEnd([reader]);
  expect(record.terminal?.type).toBe('cancelled');
  // What was written before the interruption is kept.
  expect(record.text).not.toBe('');
  await expectOneAtATime(id);
});

it('runs that wait are answered whatever becomes of those before them: failed, failed for good after retries, cancelled', async () => {
  const { id } = await createConversation(bases[0]);
  const directives: Directive[] = [
    { status: 422, key: 'refused' },
    { text: 'After a failure.', key: 'after failed' },
    { status: 503, times: 1, retryAfter: 1, text: 'After a retry.', key: 'retried' },
    { deltas: 500, intervalMs: 100, key: 'to be cancelled' },
    { fault: 'badJson', times: 1, text: 'At last.', key: 'last' },
  ];
  const runs = [];
  for (const [n, directive] of directives.entries()) runs.push((await post(n, id, directive)).body.run);
  const cancelled = runs[3];
  if (!cancelled) throw new Error('five were posted');
  await underWay(watch([bases[1]], cancelled)[0], 3);
  expect((await call(bases[0], 'POST', `/api/runs/${cancelled.id}/cancel`)).status).toBe(202);
  expect((await allEnded(id)).map((run) => [run.status, run.failure])).toEqual([
    ['failed', 'upstream_rejected'],
    ['completed', null],
    ['completed', null],
    ['cancelled', null],
    ['completed', null],
  ]);
  // It was tried again before the next one's turn, not after it.
  expect(promptsOf('to be cancelled')[0]).toContain('After a retry.');
  for (const run of runs) await expectOneEnd(stack, run);
  await expectOneAtATime(id);
});

it('a worker that is killed in the middle of a queued line loses none of it, and the order stays', async () => {
  const { id } = await createConversation(bases[0]);
  const dying = { deltas: 30, intervalMs: 10, fault: 'stall', atDelta: 10, times: 1, key: 'dying' } as const;
  const head = (await post(0, id, dying)).body.run;
  const waiting = await postAll(id, 6, (n) => ({ text: `Waited ${n}.`, key: `waited-${n}` }), 'queue');
  await underWay(watch([bases[1]], head)[0]);
  await (await workerOf(stack, stack.workers, head.id)).kill();
  await stack.startWorker();
  const runs = await allEnded(id);
  expect(runs.map((run) => run.status)).toEqual(Array(7).fill('completed'));
  expect(runs[0]?.id).toBe(head.id);
  const answers = (await getHistory(bases[0], id)).messages.map((message) => message.text);
  for (const [n, { body }] of waiting.entries()) {
    const [prompt = [], ...more] = promptsOf(`waited-${n}`);
    expect(more).toEqual([]);
    expect(prompt).toEqual(answers.slice(0, prompt.length));
    expect(prompt).toContain(scriptedText(dying).join(''));
    await expectOneEnd(stack, body.run);
  }
  expect(await storedEnd(stack, head.id)).toMatchObject({ attempt: 2, crashes: 1 });
  await expectOneAtATime(id);
});

it('in a race of all three, with failures in it, never two runs of the conversation are answered at once, and all end', async () => {
  const { id } = await createConversation(bases[0]);
  const random = seededRandom(20);
  const modes: WhenBusy[] = ['queue', 'queue', 'interrupt', 'reject'];
  const accepted: Posted[] = [];
  const sender = async (n: number) => {
    for (let nth = 0; nth < 8; nth += 1) {
      const mode = modes[Math.floor(random() * modes.length)];
      const failing = random() < 0.2 ? { status: 400, key: `race-${n}-${nth}` } : {};
      const reply = await post(n, id, { deltas: 3, intervalMs: 10, ...failing }, mode);
      if (reply.status === 202) accepted.push(reply);
      else expect([mode, reply.status, reply.body.code]).toEqual(['reject', 409, 'conversation_busy']);
    }
  };
  await Promise.all(Array.from({ length: 8 }, (_, n) => sender(n)));
  const runs = await allEnded(id);
  expect(runs).toHaveLength(accepted.length);
  expect(new Set(runs.map((run) => run.id))).toEqual(new Set(accepted.map(({ body }) => body.run.id)));
  await expectOneAtATime(id);
  for (const { body } of accepted) await expectOneEnd(stack, body.run);
});
