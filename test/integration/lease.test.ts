/** The statements that decide who owns a run, on a real Postgres and without a worker that would interfere. */
import { connectDatabase, type Store } from '@holdfast/shared/store/database.ts';
import {
  claimRun,
  endRun,
  isNewestAttempt,
  releaseRun,
  renewLeases,
  runsToRing,
} from '@holdfast/shared/store/run-lease.ts';
import { endedRuns, requestCancel } from '@holdfast/shared/store/runs.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask, getHistory } from '../support/ask.ts';
import { type Stack, startStack } from '../support/stack.ts';

const longMs = 60_000;
/** A lease that is over when the next statement runs. */
const overMs = -1;
const released = { delayMs: 0, retry: true, usage: null, attemptUsage: null };

let stack: Stack;
let store: Store;
let base: string;
beforeAll(async () => {
  stack = await startStack({ workers: 0 });
  base = stack.apis[0]?.url ?? '';
  store = connectDatabase({
    url: String(stack.env['DATABASE_URL']),
    connectionsMax: 4,
    applicationName: 'test',
    onIdleError: () => undefined,
  });
});
afterAll(async () => {
  await store.destroy();
  await stack.stop();
});

const queuedRun = async () => (await ask(base, 'Anything')).run;
const outcome = (runId: string, attempt: number) =>
  ({
    runId,
    attempt,
    from: 'running',
    attemptsToAdd: 0,
    status: 'completed',
    text: 'the answer',
    terminalSeq: 2,
    finishReason: 'stop',
    usage: null,
    attemptUsage: null,
  }) as const;

it('of twenty workers that are woken for one run one gets it', async () => {
  const { id } = await queuedRun();
  const claims = await Promise.all(
    Array.from({ length: 20 }, (_, n) => claimRun(store, id, `w${n}`, longMs)),
  );
  expect(claims.filter((claim) => claim !== null).map((claim) => claim?.attempt)).toEqual([1]);
});

it('a run whose lease ran out is taken over as the next attempt, and that counts as a crash', async () => {
  const { id } = await queuedRun();
  await claimRun(store, id, 'w1', overMs);
  expect(await claimRun(store, id, 'w2', longMs)).toMatchObject({ attempt: 2, crashes: 1, worker_id: 'w2' });
  expect(await isNewestAttempt(store, { runId: id, attempt: 1 })).toBe(false);
  expect(await isNewestAttempt(store, { runId: id, attempt: 2 })).toBe(true);
});

it('who lost a run can neither keep it, give it back nor end it', async () => {
  const { id, conversationId } = await queuedRun();
  await claimRun(store, id, 'w1', overMs);
  await claimRun(store, id, 'w2', longMs);
  const old = { runId: id, attempt: 1 };
  const current = { runId: id, attempt: 2 };
  expect(await renewLeases(store, [old, current], longMs)).toEqual([{ ...current, cancelRequested: false }]);
  expect(await releaseRun(store, old, released)).toBe(false);
  expect(await endRun(store, outcome(id, 1))).toBeNull();
  expect((await endedRuns(store, [id])).size).toBe(0);

  expect(await endRun(store, outcome(id, 2))).toMatchObject({ status: 'completed', attempt: 2 });
  expect(await endRun(store, outcome(id, 2))).toBeNull();
  expect((await getHistory(base, conversationId)).messages.map((each) => each.text)).toEqual([
    'Anything',
    'the answer',
  ]);
});

it('a run that is given back can be taken again, and a hand-back is neither a crash nor, unless it says so, a retry', async () => {
  const { id } = await queuedRun();
  await claimRun(store, id, 'w1', longMs);
  expect(await releaseRun(store, { runId: id, attempt: 1 }, { ...released, retry: false })).toBe(true);
  expect(await claimRun(store, id, 'w2', longMs)).toMatchObject({ attempt: 2, crashes: 0, retries: 0 });
  expect(await releaseRun(store, { runId: id, attempt: 2 }, released)).toBe(true);
  expect(await claimRun(store, id, 'w3', longMs)).toMatchObject({ attempt: 3, crashes: 0, retries: 1 });
});

it('a run that was stopped is not given back to wait for a retry, and ends as cancelled whatever its worker says', async () => {
  const { id } = await queuedRun();
  await claimRun(store, id, 'w1', longMs);
  await requestCancel(store, id);
  const held = { runId: id, attempt: 1 };
  expect(await renewLeases(store, [held], longMs)).toEqual([{ ...held, cancelRequested: true }]);
  expect(await releaseRun(store, held, released)).toBe(false);
  expect(await endRun(store, outcome(id, 1))).toMatchObject({ status: 'cancelled', finish_reason: null });
  const end = (await endedRuns(store, [id])).get(id);
  expect(end).toMatchObject({
    text: 'the answer',
    end: { id: { attempt: 1, seq: 2 }, event: { type: 'cancelled' } },
  });
});

it('a dispatched run that nobody holds is rung for, not while it is held, and then at growing intervals', async () => {
  const { id } = await queuedRun();
  const rung = async () => (await runsToRing(store, 1_000)).includes(id);
  const wait = (seconds: number) =>
    stack.db.query(`update runs set rung_at = rung_at - interval '${seconds} seconds' where id = $1`, [id]);
  await wait(4);
  expect(await rung(), 'it waits for its turn').toBe(false);
  await stack.db.query('update runs set dispatched_at = now(), rung_at = now() where id = $1', [id]);
  expect(await rung()).toBe(false);
  await wait(4);
  expect(await rung()).toBe(true);
  await wait(4);
  expect(await rung()).toBe(false);
  await wait(4);
  expect(await rung()).toBe(true);
  await claimRun(store, id, 'w1', longMs);
  await wait(1_000);
  expect(await rung()).toBe(false);
});
