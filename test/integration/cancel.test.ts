/** Stop means stop: at any moment of a run, from any API process, once or twice, with or without the nudge. */
import type { RunView } from '@holdfast/shared/http/schemas.ts';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import type { Child } from '../../scripts/services/process.ts';
import { ask, call, getHistory, getRun, question, type Reply } from '../support/ask.ts';
import {
  allEnd,
  expectOneEnd,
  logEntries,
  patience,
  storedRun,
  twoUrls,
  underWay,
  watch,
  workerOf,
} from '../support/inspect.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { type Stack, startStack } from '../support/stack.ts';

/** From the reply to a cancel until the provider's connection is closed. */
const abortMsMax = 1_000;

let stack: Stack;
let bases: readonly [string, string];
let workers: Child[] = [];
beforeAll(async () => {
  stack = await startStack({ apis: 2, workers: 0, env: { UPSTREAM_IDLE_MS: '60000' } });
  bases = twoUrls(stack);
});
afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.stop()));
  workers = [];
});
afterAll(() => stack.stop());

async function startWorker(): Promise<Child> {
  const worker = await stack.startWorker();
  workers.push(worker);
  return worker;
}

const cancel = (runId: string, base = bases[0]): Promise<Reply<{ run: RunView }>> =>
  call(base, 'POST', `/api/runs/${runId}/cancel`);

const requests = (key: string) => stack.upstream.journal().filter((entry) => entry.key === key);

/** Checks that the provider's connection was closed by us, soon after `since`. */
async function expectHangUp(key: string, since: number): Promise<void> {
  await expect.poll(() => requests(key)[0]?.outcome, patience).toBe('client-closed');
  expect((requests(key)[0]?.closedAtMs ?? Infinity) - since).toBeLessThan(abortMsMax);
  expect(requests(key)).toHaveLength(1);
}

it('a run that waits in the queue ends at once, without a worker, and the provider never hears of it', async () => {
  const { run } = await ask(bases[0], question({ deltas: 5, key: 'queued' }));
  const readers = watch(bases, run);
  const reply = await cancel(run.id, bases[1]);
  expect(reply.status).toBe(202);
  expect(reply.body.run).toMatchObject({ id: run.id, status: 'cancelled', cancelRequested: true });
  const { stored, message, log } = await expectOneEnd(stack, run, await allEnd(readers));
  expect(stored).toMatchObject({ status: 'cancelled', usage: null });
  expect(message.text).toBe('');
  expect(log.map((entry) => entry.type)).toEqual(['snapshot', 'cancelled']);

  // Its job is still in the queue. A run behind it shows that the worker has passed it.
  const behind = await ask(bases[0], question({ deltas: 5 }));
  await startWorker();
  await expectOneEnd(stack, behind.run);
  expect(requests('queued')).toEqual([]);
  await expectOneEnd(stack, run);
  expect(await logEntries(stack, run.id)).toEqual(log);
});

it('what is to be stopped and cannot be ended at once was stopped all the same: no error, and a worker ends it', async () => {
  const { run } = await ask(bases[0], question({ deltas: 5, key: 'held' }));
  const lock = await stack.db.connect();
  await lock.query('begin');
  // Nothing but the end of the run needs this row.
  await lock.query('select 1 from messages where id = $1 for update', [run.messageId]);
  const reply = await call(bases[0], 'DELETE', `/api/conversations/${run.conversationId}`);
  expect(reply.status).toBe(204);
  await lock.query('commit');
  lock.release();
  await startWorker();
  await expect.poll(async () => (await storedRun(stack, run.id)).status, patience).toBe('cancelled');
  expect(requests('held')).toEqual([]);
});

it('an answer under way is broken off within a second, also by another API process; what was written stays, with its usage', async () => {
  await startWorker();
  const directive = { deltas: 1_000, intervalMs: 20, seed: 51, key: 'answering' };
  const { run } = await ask(bases[0], question(directive));
  const readers = watch(bases, run, scriptedText(directive).join(''));
  await underWay(readers[0]);
  const reply = await cancel(run.id, bases[1]);
  const since = Date.now();
  expect(reply.status).toBe(202);
  expect(reply.body.run.cancelRequested).toBe(true);
  await expectHangUp('answering', since);
  const { stored, message } = await expectOneEnd(stack, run, await allEnd(readers));
  expect(stored).toMatchObject({ status: 'cancelled', attempt: 1 });
  expect(message.text.length).toBeGreaterThan(0);
  expect(stored.usage).toMatchObject({ estimated: true });
  expect(stored.usage?.inputTokens).toBeGreaterThan(0);
  expect(stored.usage?.outputTokens).toBeGreaterThan(0);
  expect(message.usage).toEqual(stored.usage);
});

it('a run whose provider has not said a word is broken off within a second', async () => {
  await startWorker();
  const { run } = await ask(bases[0], question({ firstDelayMs: 60_000, key: 'silent' }));
  const readers = watch(bases, run);
  await expect.poll(() => requests('silent').length, patience).toBe(1);
  expect((await cancel(run.id)).status).toBe(202);
  await expectHangUp('silent', Date.now());
  const { stored, message } = await expectOneEnd(stack, run, await allEnd(readers));
  expect(stored.status).toBe('cancelled');
  expect(message.text).toBe('');
});

it('a run that waits for a retry ends at once, and keeps what it had written', async () => {
  await startWorker();
  const directive = { deltas: 20, seed: 52, fault: 'cut', atDelta: 10, key: 'retrying' } as const;
  const { run } = await ask(bases[0], question(directive));
  const readers = watch(bases, run);
  await expect
    .poll(
      async () => {
        const { status, retries } = await storedRun(stack, run.id);
        return `${status} ${retries}`;
      },
      { ...patience, interval: 5 },
    )
    .toBe('queued 1');
  const reply = await cancel(run.id);
  expect(reply).toMatchObject({ status: 202, body: { run: { status: 'cancelled' } } });
  const { stored, message } = await expectOneEnd(stack, run, await allEnd(readers));
  expect(stored).toMatchObject({ status: 'cancelled', usage: { estimated: true } });
  expect(message.text).toBe(scriptedText(directive).slice(0, 10).join(''));
  // Past the time of the retry.
  const behind = await ask(bases[0], question({ status: 503, times: 2, key: 'behind-the-retry' }));
  await expectOneEnd(stack, behind.run);
  expect(requests('retrying')).toHaveLength(1);
});

it('after the end a cancel is answered 200 and changes nothing; twice is as good as once', async () => {
  await startWorker();
  const ended = await ask(bases[0], question({ deltas: 5 }));
  await expectOneEnd(stack, ended.run);
  const before = { run: await getRun(bases[0], ended.run.id), log: await logEntries(stack, ended.run.id) };
  const late = await cancel(ended.run.id);
  expect(late.status).toBe(200);
  expect(late.body.run).toEqual(before.run);
  expect(await getRun(bases[0], ended.run.id)).toEqual(before.run);
  expect(await logEntries(stack, ended.run.id)).toEqual(before.log);

  const { run } = await ask(bases[0], question({ deltas: 1_000, intervalMs: 20, key: 'twice' }));
  const readers = watch(bases, run);
  await underWay(readers[0]);
  const replies = await Promise.all(bases.flatMap((base) => [cancel(run.id, base), cancel(run.id, base)]));
  for (const { status } of replies) expect([200, 202]).toContain(status);
  expect(replies.map((reply) => reply.status)).toContain(202);
  await expectOneEnd(stack, run, await allEnd(readers));
  const again = await cancel(run.id);
  expect(again).toMatchObject({ status: 200, body: { run: { status: 'cancelled' } } });
});

it('a cancel whose nudge was lost is found by the next heartbeat, even when the provider is silent', async () => {
  await startWorker();
  const { run } = await ask(bases[0], question({ deltas: 10, fault: 'stall', atDelta: 5, key: 'no-nudge' }));
  const readers = watch(bases, run);
  await expect.poll(() => requests('no-nudge')[0]?.outcome, patience).toBe('fault');
  // All that an API process leaves which dies after its commit.
  await stack.db.query('update runs set cancel_requested_at = now() where id = $1', [run.id]);
  await expect.poll(() => requests('no-nudge')[0]?.outcome, patience).toBe('client-closed');
  const { stored } = await expectOneEnd(stack, run, await allEnd(readers));
  expect(stored).toMatchObject({ status: 'cancelled', attempt: 1 });
});

it('a cancel that comes while the worker is dead is carried out by the next one, without asking the provider again', async () => {
  const worker = await startWorker();
  const directive = { deltas: 1_000, intervalMs: 20, seed: 53, key: 'orphaned' };
  const { run } = await ask(bases[0], question(directive));
  const readers = watch(bases, run, scriptedText(directive).join(''));
  await underWay(readers[0]);
  await (await workerOf(stack, [worker], run.id)).kill();
  expect((await cancel(run.id)).status).toBe(202);
  await startWorker();
  const { stored, message } = await expectOneEnd(stack, run, await allEnd(readers));
  expect(stored).toMatchObject({ status: 'cancelled', usage: { estimated: true } });
  expect(message.text.length).toBeGreaterThan(0);
  expect(requests('orphaned')).toHaveLength(1);
});

it('fifty cancels race the end of their runs: a cancel that was accepted wins, and all see the same end', async () => {
  await startWorker();
  const random = seededRandom(7);
  const outcomes: string[] = [];
  const round = async (number: number): Promise<void> => {
    const directive = { deltas: 10, intervalMs: 8, seed: number };
    const { run } = await ask(bases[number % 2] ?? bases[0], question(directive));
    const readers = watch([bases[0]], run, scriptedText(directive).join(''));
    await new Promise((resolve) => setTimeout(resolve, random() * 160));
    const { status } = await cancel(run.id, bases[(number + 1) % 2]);
    const { stored } = await expectOneEnd(stack, run, await allEnd(readers));
    outcomes.push(`${status} ${stored.status}`);
    // The run is over: the conversation takes the next message.
    expect((await getHistory(bases[0], run.conversationId)).activeRun).toBeNull();
  };
  for (let at = 0; at < 50; at += 5) await Promise.all([0, 1, 2, 3, 4].map((index) => round(at + index)));
  // Which of the two it is in a round is chance; any other pair would be a lie to whoever stopped the run.
  expect(outcomes).toHaveLength(50);
  for (const outcome of outcomes) expect(['200 completed', '202 cancelled']).toContain(outcome);
});
