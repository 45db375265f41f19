/**
 * A dispatch looks at the runs that can go, and not at those that wait for an earlier one of their conversation: what it
 * reads is counted, by Postgres' own counters of the transaction (an EXPLAIN does not look into functions, and a time says
 * more about the machine). And none of those that are left out is left out for ever.
 */
import { acceptRegenerate } from '@holdfast/shared/store/accept.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import { dispatchRuns } from '@holdfast/shared/store/fair-queue.ts';
import { claimRun, endRun } from '@holdfast/shared/store/run-lease.ts';
import { cancelQueued, getRun, requestCancel } from '@holdfast/shared/store/runs.ts';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { patience } from '../support/inspect.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { emptyQueue, newAsker, openStore, pretendEnds, pretendWorker } from '../support/waiting-line.ts';

let stack: Stack;
let store: Store;
beforeAll(async () => {
  stack = await startStack({ apis: 0, workers: 0 });
  store = openStore(stack, 20);
});
afterAll(async () => {
  await store?.destroy();
  await stack?.stop();
});
beforeEach(async () => {
  await stack.db.query('truncate runs cascade');
  await emptyQueue(stack);
});

const dispatch = () => dispatchRuns(store, { runsPerUserMax: 10_000, modelRunsMax: {} });

async function inTransaction<T>(end: 'commit' | 'rollback', work: (client: pg.PoolClient) => Promise<T>) {
  const client = await stack.db.connect();
  try {
    await client.query('begin');
    return await work(client);
  } finally {
    await client.query(end);
    client.release();
  }
}

/** Somebody's runs in one conversation, none of which has ended. */
async function askInOne(times: number) {
  const asker = await newAsker(store);
  const conversationId = await asker.converse();
  const chain: string[] = [];
  for (let n = 0; n < times; n += 1) chain.push(await asker.ask({ conversationId }));
  return { asker, conversationId, chain };
}

describe('what a dispatch reads', () => {
  const users = 6;
  const blockedPerUser = 1_000;
  const places = 20;
  /** Of the table and its indexes, for each place: a run is found, judged and changed, and its user and conversation looked up. */
  const readsPerPlaceMax = 15;

  /** Of each user one long conversation; and behind all of these, some runs that can go. */
  async function fillLine(free: number): Promise<void> {
    await inTransaction('commit', async (client) => {
      // Messages and members play no part.
      await client.query('set local session_replication_role = replica');
      await client.query(
        `with in_line as (
           insert into users (id, name) select gen_random_uuid(), 'In line' from generate_series(1, $1::int) returning id
         )
         insert into runs (id, conversation_id, user_id, prompt_message_id, message_id, model, pass, behind)
         select gen_random_uuid(), id, id, gen_random_uuid(), gen_random_uuid(), 'stand-in', pass, pass > 1
         from in_line, generate_series(1, $2::int) as pass
         union all
         select gen_random_uuid(), gen_random_uuid(), (select min(id::text)::uuid from in_line), gen_random_uuid(),
           gen_random_uuid(), 'stand-in', 1_000_000, false
         from generate_series(1, $3::int)
         order by 7`,
        [users, blockedPerUser + 1, free],
      );
    });
  }

  /** Rows of `runs` and entries of its indexes that one dispatch reads. */
  function readsOfDispatch(): Promise<{ reads: number; dispatched: number }> {
    return inTransaction('commit', async (client) => {
      // Since this connection last reported, which may be some transactions ago.
      const count = async () => {
        const { rows } = await client.query<{ reads: number }>(
          `select sum(pg_stat_get_xact_tuples_returned(id) + pg_stat_get_xact_tuples_fetched(id))::int as reads
           from (select 'runs'::regclass::oid union all select indexrelid from pg_index where indrelid = 'runs'::regclass)
             as read_from (id)`,
        );
        return rows[0]?.reads ?? Infinity;
      };
      const before = await count();
      const { rowCount } = await client.query(`select dispatch_runs(10000, '{}', null)`);
      return { reads: (await count()) - before, dispatched: rowCount ?? 0 };
    });
  }

  // The plans must not depend on it.
  it.each([
    ['never made', []],
    ['of an empty table', ['before']],
    ['of this line', ['after']],
    ['of both', ['before', 'after']],
  ])('is bounded by the places, not by the line (statistics: %s)', async (_, analyzed) => {
    if (analyzed.includes('before')) await stack.db.query('vacuum analyze runs');
    await fillLine(2 * places);
    if (analyzed.includes('after')) await stack.db.query('vacuum analyze runs');
    await pretendWorker(store, places);
    const first = await readsOfDispatch();
    expect(first.dispatched).toBe(places);
    expect(first.reads).toBeLessThan(places * readsPerPlaceMax);
    await pretendWorker(store, 10 * places);
    const second = await readsOfDispatch();
    expect(second.dispatched).toBe(users + places);
    expect(second.reads).toBeLessThan((users + 2 * places) * readsPerPlaceMax);
    // Places are left, and nothing that could take them: it meets what the ones before have left in the index.
    const third = await readsOfDispatch();
    expect(third.dispatched).toBe(0);
    expect(third.reads).toBeLessThan((users + 2 * places) * readsPerPlaceMax);
  });
});

describe('the next run of a conversation', () => {
  /** Ends a run that a worker holds. */
  async function endHeld(runId: string, status: 'completed' | 'failed', stopped = false): Promise<unknown> {
    await claimRun(store, runId, 'w', 60_000);
    if (stopped) await requestCancel(store, runId);
    const attempt = { runId, attempt: 1, from: 'running', attemptsToAdd: 0 } as const;
    return endRun(store, { ...attempt, status, terminalSeq: 1, text: '', usage: null, attemptUsage: null });
  }

  const ways: Record<string, (runId: string) => Promise<unknown>> = {
    completed: (runId) => endHeld(runId, 'completed'),
    failed: (runId) => endHeld(runId, 'failed'),
    'stopped while it was answered': (runId) => endHeld(runId, 'completed', true),
    'stopped before a worker had it': async (runId) => cancelQueued(store, await getRun(store, runId), ''),
  };

  it.each(Object.entries(ways))('is dispatched when the one before it was %s', async (_, end) => {
    const { asker, conversationId, chain } = await askInOne(5);
    await pretendWorker(store, 10);
    for (const runId of chain) {
      expect(await dispatch()).toEqual([runId]);
      expect(await dispatch()).toEqual([]);
      expect(await end(runId)).not.toBeNull();
    }
    const after = await asker.ask({ conversationId });
    expect(await dispatch()).toEqual([after]);
  });

  it('is the one after those that were stopped before their turn, from the front or from the middle', async () => {
    const { chain } = await askInOne(5);
    const [first = '', second = '', third = '', fourth = '', fifth = ''] = chain;
    await pretendEnds(store, [third, first]);
    await pretendWorker(store, 10);
    expect(await dispatch()).toEqual([second]);
    await pretendEnds(store, [fourth, second]);
    expect(await dispatch()).toEqual([fifth]);
  });

  it('may be another answer to an old message', async () => {
    const { asker, chain } = await askInOne(1);
    const [first = ''] = chain;
    const { message_id } = await getRun(store, first);
    const { result } = await acceptRegenerate(store, asker.asking, message_id, {});
    await pretendWorker(store, 10);
    expect(await dispatch()).toEqual([first]);
    await pretendEnds(store, [first]);
    expect(await dispatch()).toEqual([result.run.id]);
  });
});

describe('a run that is accepted while the one before it ends', () => {
  /** Waits until so many statements wait for a lock. */
  const blocked = (count: number) =>
    expect
      .poll(async () => {
        const { rowCount } = await stack.db.query(
          `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
        );
        return rowCount;
      }, patience)
      .toBe(count);

  it('comes forward when the end has waited for the acceptance', async () => {
    const { asker, conversationId } = await askInOne(1);
    await pretendWorker(store, 10);
    const first = await dispatch();
    let asked: Promise<string> = Promise.resolve('');
    let end: Promise<void> = Promise.resolve();
    await inTransaction('commit', async (client) => {
      // An acceptance takes the conversation, and then this.
      await client.query('select pg_advisory_xact_lock(hashtextextended($1, 1))', [asker.id]);
      asked = asker.ask({ conversationId });
      await blocked(1);
      end = pretendEnds(store, first);
      await blocked(2);
    });
    await end;
    expect(await dispatch()).toEqual([await asked]);
  });

  it('is not behind when the acceptance has waited for the end', async () => {
    const { asker, conversationId } = await askInOne(1);
    await pretendWorker(store, 10);
    const first = await dispatch();
    let asked: Promise<string> = Promise.resolve('');
    await store.transaction().execute(async (trx) => {
      await pretendEnds(trx, first);
      asked = asker.ask({ conversationId });
      await blocked(1);
    });
    const second = await asked;
    expect(await dispatch()).toEqual([second]);
  });

  it('gets its turn, whatever else of the conversation is asked, stopped and ended at the same time', async () => {
    const rooms = await Promise.all([1, 2, 3, 4, 5].map(() => askInOne(2)));
    await pretendWorker(store, 10);
    for (let round = 0; round < 20; round += 1) {
      await dispatch();
      const { rows } = await stack.db.query(
        `select count(*) filter (where phase = 'in_flight')::int as "inFlight", count(*)::int as unfinished
         from runs where phase <> 'ended' group by conversation_id`,
      );
      const unfinished = rooms[0]?.chain.length;
      expect(rows).toEqual(rooms.map(() => ({ inFlight: 1, unfinished })));
      await Promise.all(
        rooms.map(async ({ asker, conversationId, chain }) => {
          // In turn the first one and all of them.
          const ending = chain.splice(0, round % 2 === 0 ? 1 : chain.length);
          const asking = [1, 2].map(() => asker.ask({ conversationId }));
          await Promise.all(ending.map((runId) => pretendEnds(store, [runId])));
          chain.push(...(await Promise.all(asking)));
        }),
      );
    }
  });
});
