/** Statements that are planned once per connection, and releases that change the tables under them. */
import type { Store } from '@holdfast/shared/store/database.ts';
import { dispatchRuns } from '@holdfast/shared/store/fair-queue.ts';
import { findGrant, findRunGrants, type RunReader, runReaderName } from '@holdfast/shared/store/grant.ts';
import { type Membership, stillMembers } from '@holdfast/shared/store/members.ts';
import { claimRun, endRun } from '@holdfast/shared/store/run-lease.ts';
import { announceWorker } from '@holdfast/shared/store/workers.ts';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Stack, startStack } from '../support/stack.ts';
import { newAsker, openStore } from '../support/waiting-line.ts';

/** Postgres plans a prepared statement for its values five times before it keeps a plan for any values. */
const runs = 8;

let stack: Stack;
let store: Store;
beforeAll(async () => {
  stack = await startStack({ workers: 0, apis: 0 });
  // One connection: each statement finds what the one before it has left.
  store = openStore(stack, 1);
});
afterAll(async () => {
  await store.destroy();
  await stack.stop();
});

it('a process goes on accepting, answering and ending runs while the next release adds columns', async () => {
  await announceWorker(store, { id: 'w', concurrency: 100, liveMs: 60_000 });
  const asker = await newAsker(store);
  for (const change of ['before', 'after'] as const) {
    if (change === 'after') {
      for (const table of ['runs', 'conversations', 'messages', 'members', 'users', 'run_attempts']) {
        await sql`alter table ${sql.ref(table)} add column next_release int`.execute(store);
      }
    }
    for (let turn = 0; turn < runs; turn += 1) await answerOne(asker);
  }
  const { rows } = await sql<{ often: string; names: number }>`
    select count(*) filter (where generic_plans > ${runs}) as often, count(*) - count(distinct statement) as names
    from pg_prepared_statements`.execute(store);
  expect(Number(rows[0]?.often)).toBeGreaterThanOrEqual(9);
  expect(Number(rows[0]?.names)).toBe(0);
});

/** Rows that this connection has read, by Postgres' own counters: a time says more about the machine. */
async function readSoFar(db: Store): Promise<number> {
  const { rows } = await sql<{ reads: string }>`
    select sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) as reads from pg_stat_xact_user_tables
    where relname in ('runs', 'members', 'conversations', 'users')`.execute(db);
  return Number(rows[0]?.reads);
}

it('readers who come back are looked up row by row, however many conversations their user has', async () => {
  const asker = await newAsker(store);
  // With fewer, Postgres reads the tables as a whole, whatever the statement says.
  const conversations = 300;
  const made: (RunReader & Membership)[] = [];
  for (let n = 0; n < conversations; n += 1) {
    const conversationId = await asker.converse();
    made.push({ conversationId, userId: asker.id, runId: await asker.ask({ conversationId }) });
  }
  const reads = await store.transaction().execute(async (trx) => {
    const before = await readSoFar(trx);
    const grants = await findRunGrants(trx, made);
    for (const { conversationId, ...reader } of made) {
      expect(grants.get(runReaderName(reader))).toEqual({ conversationId, role: 'owner', endId: null });
    }
    expect((await stillMembers(trx, made)).size).toBe(made.length);
    return (await readSoFar(trx)) - before;
  });
  // Each look-up reads three rows; as plain joins they read each conversation of the user for each reader.
  expect(reads).toBeLessThan(made.length * 12);
});

async function answerOne(asker: Awaited<ReturnType<typeof newAsker>>): Promise<void> {
  const conversationId = await asker.converse();
  const id = await asker.ask({ conversationId });
  expect(await findGrant(store, asker.id, 'run', id)).toEqual({ conversationId, role: 'owner' });
  await findGrant(store, asker.id, 'conversation', conversationId);
  expect(await dispatchRuns(store, { runsPerUserMax: 100, modelRunsMax: {} })).toEqual([id]);
  expect(await claimRun(store, id, 'w', 60_000)).toMatchObject({ id, status: 'running', attempt: 1 });
  const ended = await endRun(store, {
    runId: id,
    attempt: 1,
    from: 'running',
    attemptsToAdd: 0,
    status: 'completed',
    text: 'the answer',
    terminalSeq: 2,
    finishReason: 'stop',
    usage: null,
    attemptUsage: null,
  });
  expect(ended).toMatchObject({ id, status: 'completed', finish_reason: 'stop', phase: 'ended' });
}
