/**
 * The order of the queue, and the dispatching from it: the statements, on a real Postgres, without processes.
 *
 * It is longer than 250 lines because these short tests share one database, which takes longer to make than any of them.
 */
import { v7Id } from '@holdfast/shared/id.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import { closeGaps, dispatchRuns } from '@holdfast/shared/store/fair-queue.ts';
import { claimRun, releaseRun } from '@holdfast/shared/store/run-lease.ts';
import { cancelQueued, getRun } from '@holdfast/shared/store/runs.ts';
import { announceWorker, forgetWorker } from '@holdfast/shared/store/workers.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Stack, startStack } from '../support/stack.ts';
import {
  type Asker,
  emptyQueue,
  newAsker,
  openStore,
  pretendEnds,
  pretendWorker,
} from '../support/waiting-line.ts';

const noLimits = { runsPerUserMax: 10_000, modelRunsMax: {} };

let stack: Stack;
let store: Store;
beforeAll(async () => {
  stack = await startStack({ apis: 0, workers: 0 });
  store = openStore(stack, 20);
});
afterAll(async () => {
  await store.destroy();
  await stack.stop();
});
beforeEach(() => emptyQueue(stack));

const dispatch = (limits = noLimits) => dispatchRuns(store, limits);

async function askTimes(asker: Asker, times: number): Promise<string[]> {
  const runIds: string[] = [];
  for (let n = 0; n < times; n += 1) runIds.push(await asker.ask());
  return runIds;
}

/** Who is dispatched, one at a time: each is ended before the next one. */
async function turns(names: Record<string, string>, limits = noLimits): Promise<string> {
  let order = '';
  for (let runIds = await dispatch(limits); runIds.length > 0; runIds = await dispatch(limits)) {
    for (const runId of runIds) order += names[(await getRun(store, runId)).user_id] ?? '?';
    await pretendEnds(store, runIds);
  }
  return order;
}

async function cancelWaiting(runId: string): Promise<void> {
  expect(await cancelQueued(store, await getRun(store, runId), '')).not.toBeNull();
}

describe('the order', () => {
  it('lets users take turns, whoever has asked most, and is that of acceptance for one user', async () => {
    const [many, few] = [await newAsker(store), await newAsker(store)];
    const asked = await askTimes(many, 6);
    await askTimes(few, 2);
    await pretendWorker(store, 1);
    expect(await turns({ [many.id]: 'm', [few.id]: 'f' })).toBe('mfmfmmmm');
    const started = await stack.db.query<{ id: string }>(
      'select id from runs where user_id = $1 order by dispatched_at',
      [many.id],
    );
    expect(started.rows.map((row) => row.id)).toEqual(asked);
  });

  it('puts who comes later beside what is being answered, not behind what waits', async () => {
    const [many, late] = [await newAsker(store), await newAsker(store)];
    await askTimes(many, 9);
    await pretendWorker(store, 3);
    const first = await dispatch();
    expect(first).toHaveLength(3);
    const runId = await late.ask();
    await pretendEnds(store, first.slice(0, 1));
    expect(await dispatch()).toEqual([runId]);
  });

  it('puts who comes later before all but the first of those that were passed over', async () => {
    const [many, late] = [await newAsker(store), await newAsker(store)];
    // Four conversations of four messages each: of each the first one can be answered, and what comes after them alone.
    const conversations = await Promise.all([1, 2, 3, 4].map(() => many.converse()));
    for (const conversationId of conversations) {
      for (let n = 0; n < 4; n += 1) await many.ask({ conversationId });
    }
    await askTimes(many, 8);
    await pretendWorker(store, 8);
    let answered = await dispatch();
    expect(answered).toHaveLength(8);
    const runId = await late.ask();
    const before: string[] = [];
    while (!answered.includes(runId)) {
      await pretendEnds(store, answered.slice(0, 1));
      answered = [...answered.slice(1), ...(await dispatch())];
      before.push(...answered.slice(7));
    }
    expect(before.filter((id) => id !== runId)).toHaveLength(1);
  });

  it('does not let somebody who was away catch up on what they have not asked', async () => {
    const [busy, back] = [await newAsker(store), await newAsker(store)];
    await pretendWorker(store, 1);
    await askTimes(busy, 5);
    expect(await turns({ [busy.id]: 'b' })).toBe('bbbbb');
    await askTimes(busy, 3);
    await askTimes(back, 3);
    expect(await turns({ [busy.id]: 'b', [back.id]: 'a' })).toBe('bababa');
  });

  it('gives a user of weight 2 two turns for each turn of the others', async () => {
    const [double, single] = [await newAsker(store, { weight: 2 }), await newAsker(store)];
    await askTimes(double, 8);
    await askTimes(single, 4);
    await pretendWorker(store, 1);
    const order = await turns({ [double.id]: 'd', [single.id]: 's' });
    expect(order).toHaveLength(12);
    for (let rounds = 1; rounds <= 4; rounds += 1) {
      const before = order.slice(0, 3 * rounds);
      expect([rounds, before.replaceAll('s', '').length]).toEqual([rounds, 2 * rounds]);
    }
  });

  it('puts a higher priority before all of a lower one, fair within each, and does not hold it against the others', async () => {
    const high = [await newAsker(store, { priority: 5 }), await newAsker(store, { priority: 5 })] as const;
    const normal = [await newAsker(store), await newAsker(store)] as const;
    const names = { [high[0].id]: 'H', [high[1].id]: 'I', [normal[0].id]: 'n', [normal[1].id]: 'o' };
    await askTimes(normal[0], 3);
    await askTimes(high[0], 3);
    await askTimes(high[1], 2);
    await askTimes(normal[1], 1);
    await pretendWorker(store, 1);
    expect(await turns(names)).toBe('HIHIHnonn');
  });

  it('answers the runs of a conversation one after the other, and others meanwhile', async () => {
    const asker = await newAsker(store);
    const conversationId = await asker.converse();
    const inOne = [await asker.ask({ conversationId }), await asker.ask({ conversationId })];
    const other = await asker.ask();
    await pretendWorker(store, 10);
    expect(await dispatch()).toEqual([inOne[0], other]);
    await pretendEnds(store, inOne.slice(0, 1));
    expect(await dispatch()).toEqual([inOne[1]]);
  });
});

describe('free places', () => {
  it('are never overrun, however many processes dispatch at once, and all are used', async () => {
    const askers = await Promise.all(Array.from({ length: 5 }, () => newAsker(store)));
    await Promise.all(askers.map((asker) => askTimes(asker, 8)));
    await pretendWorker(store, 7);
    const dispatched = (await Promise.all(Array.from({ length: 20 }, () => dispatch()))).flat();
    expect(dispatched).toHaveLength(7);
    expect(new Set(dispatched).size).toBe(7);
    await pretendEnds(store, dispatched.slice(0, 3));
    expect((await Promise.all(Array.from({ length: 20 }, () => dispatch()))).flat()).toHaveLength(3);
  });

  it('are those of workers that live and take runs', async () => {
    const asker = await newAsker(store);
    await askTimes(asker, 12);
    expect(await dispatch()).toEqual([]);
    await announceWorker(store, { id: 'dead', concurrency: 50, liveMs: -1 });
    await announceWorker(store, { id: 'leaving', concurrency: 0, liveMs: 60_000 });
    expect(await dispatch()).toEqual([]);
    await pretendWorker(store, 2, 'one');
    await pretendWorker(store, 3, 'two');
    expect(await dispatch()).toHaveLength(5);
    await pretendWorker(store, 4, 'one');
    expect(await dispatch()).toHaveLength(2);
    await forgetWorker(store, 'two');
    expect(await dispatch()).toEqual([]);
  });

  it('of a run that waits for a retry is free for another, but not its user’s limit', async () => {
    const [retried, other] = [await newAsker(store), await newAsker(store)];
    const limits = { ...noLimits, runsPerUserMax: 1 };
    const [first = ''] = await askTimes(retried, 2);
    await pretendWorker(store, 1);
    expect(await dispatch(limits)).toEqual([first]);
    await claimRun(store, first, 'w', 60_000);
    await releaseRun(store, { runId: first, attempt: 1 }, { delayMs: 60_000, retry: true, usage: null });
    expect(await dispatch(limits)).toEqual([]);
    const runId = await other.ask();
    expect(await dispatch(limits)).toEqual([runId]);
  });

  it('go to others while a user is at their limit, and back when a run of theirs has ended', async () => {
    const [limited, raised, other] = [
      await newAsker(store),
      await newAsker(store, { concurrentRuns: 4 }),
      await newAsker(store),
    ];
    const names = { [limited.id]: 'l', [raised.id]: 'r', [other.id]: 'o' };
    await askTimes(limited, 20);
    await askTimes(raised, 20);
    const last = await askTimes(other, 2);
    await pretendWorker(store, 100);
    const limits = { ...noLimits, runsPerUserMax: 2 };
    const dispatched = await dispatch(limits);
    const users = await Promise.all(
      dispatched.map(async (runId) => names[(await getRun(store, runId)).user_id] ?? '?'),
    );
    expect(users.toSorted((a, b) => a.localeCompare(b)).join('')).toBe('lloorrrr');
    expect(dispatched).toEqual(expect.arrayContaining(last));
    expect(await dispatch(limits)).toEqual([]);
    await pretendEnds(store, dispatched.slice(0, 1));
    expect(await dispatch(limits)).toHaveLength(1);
  });

  it('go to other models while a model is at its limit', async () => {
    const asker = await newAsker(store);
    for (const model of ['large', 'large', 'large', 'small', 'small', 'tiny']) await asker.ask({ model });
    await pretendWorker(store, 100);
    const modelsOf = async (runIds: string[]) =>
      (await Promise.all(runIds.map(async (runId) => (await getRun(store, runId)).model))).sort();
    const limits = { ...noLimits, modelRunsMax: { large: 2, other: 1 } };
    const dispatched = await dispatch(limits);
    expect(await modelsOf(dispatched)).toEqual(['large', 'large', 'small', 'tiny']);
    expect(await dispatch(limits)).toEqual([]);
    expect(await modelsOf(await dispatch({ ...noLimits, modelRunsMax: { large: 3 } }))).toEqual([
      'large',
      'small',
    ]);
  });

  it('are not held back by a user whose first runs wait for a model: their other runs go on', async () => {
    const asker = await newAsker(store);
    for (let n = 0; n < 5; n += 1) await asker.ask({ model: 'large' });
    const small = await asker.ask({ model: 'small' });
    await pretendWorker(store, 4);
    const limits = { runsPerUserMax: 2, modelRunsMax: { large: 1 } };
    const dispatched = await dispatch(limits);
    expect(dispatched).toHaveLength(2);
    expect(dispatched).toContain(small);
  });
});

describe('waiting runs', () => {
  it('of one user are as many as allowed, exactly, also when all come at once; others are not concerned', async () => {
    const [limited, other] = [await newAsker(store, {}, 5), await newAsker(store, { waitingRuns: 1 }, 5)];
    const conversations = await Promise.all(Array.from({ length: 20 }, () => limited.converse()));
    const results = await Promise.allSettled(
      conversations.map((conversationId) => limited.ask({ conversationId })),
    );
    expect(results.filter((result) => result.status === 'fulfilled')).toHaveLength(5);
    for (const result of results) {
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'too_many_waiting' });
    }
    const { rows } = await stack.db.query(`select 1 from messages where author_id = $1`, [limited.id]);
    expect(rows).toHaveLength(5);
    await other.ask();
    await expect(other.ask()).rejects.toMatchObject({ code: 'too_many_waiting' });
    // Those that have been dispatched wait no longer.
    await pretendWorker(store, 2);
    expect(await dispatch()).toHaveLength(2);
    await limited.ask();
    await expect(limited.ask()).rejects.toMatchObject({ code: 'too_many_waiting' });
  });

  it('move up when runs before them were stopped: nobody waits for what they have stopped', async () => {
    const [many, few] = [await newAsker(store), await newAsker(store)];
    const asked = await askTimes(many, 20);
    for (const runId of asked.slice(0, 19)) await cancelWaiting(runId);
    await closeGaps(store);
    await askTimes(few, 20);
    await pretendWorker(store, 1);
    expect(await turns({ [many.id]: 'm', [few.id]: 'f' })).toMatch(/^mf{20}$/);
    const { rows } = await stack.db.query('select 1 from freed_places');
    expect(rows).toHaveLength(0);
  });

  it('that another process is changing keep their place, and nothing waits for them', async () => {
    const asker = await newAsker(store);
    const [first = '', second = '', third = ''] = await askTimes(asker, 3);
    await cancelWaiting(first);
    const places = async () =>
      (await Promise.all([second, third].map((id) => getRun(store, id)))).map((run) => run.pass);
    const [secondBefore = 0] = await places();
    const holder = await stack.db.connect();
    await holder.query('begin');
    await holder.query('select 1 from runs where id = $1 for update', [second]);
    await closeGaps(store);
    await pretendWorker(store, 1);
    expect(await dispatch()).toEqual([third]);
    await holder.query('rollback');
    holder.release();
    expect(await places()).toEqual([secondBefore, secondBefore - 1]);
  });
});

it('a worker that is dead for a minute is forgotten by the next one that says that it lives', async () => {
  await announceWorker(store, { id: `old ${v7Id()}`, concurrency: 1, liveMs: -61_000 });
  await announceWorker(store, { id: 'dead', concurrency: 1, liveMs: -1 });
  await announceWorker(store, { id: 'alive', concurrency: 1, liveMs: 1_000 });
  const workers = await store.selectFrom('workers').select('id').orderBy('id').execute();
  expect(workers.map((worker) => worker.id)).toEqual(['alive', 'dead']);
});
