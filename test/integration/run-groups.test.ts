/** Claims and ends of many runs in one statement: the same as each alone, and nobody waits for what holds up another. */
import type { Store } from '@holdfast/shared/store/database.ts';
import { createRunGroups, type HeldOutcome, type RunGroups } from '@holdfast/shared/store/run-groups.ts';
import { requestCancel } from '@holdfast/shared/store/runs.ts';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Stack, startStack } from '../support/stack.ts';
import { type Asker, newAsker, openStore } from '../support/waiting-line.ts';

const longMs = 60_000;

let stack: Stack;
let store: Store;
let groups: RunGroups;
beforeAll(async () => {
  stack = await startStack({ workers: 0, apis: 0 });
  store = openStore(stack);
  groups = createRunGroups(store, 'w', longMs);
});
afterAll(async () => {
  await store.destroy();
  await stack.stop();
});

const newAskers = (count: number) => Promise.all(Array.from({ length: count }, () => newAsker(store)));
const askAll = (askers: readonly Asker[]) => Promise.all(askers.map((asker) => asker.ask()));
const claimAll = (runIds: readonly string[]) => Promise.all(runIds.map((runId) => groups.claim(runId)));

const outcome = (runId: string, more: Partial<HeldOutcome> = {}): HeldOutcome => ({
  runId,
  attempt: 1,
  from: 'running',
  attemptsToAdd: 0,
  status: 'completed',
  text: `the answer ${runId}`,
  terminalSeq: 2,
  finishReason: 'stop',
  usage: { inputTokens: 3, outputTokens: 4, estimated: false },
  attemptUsage: { inputTokens: 5, outputTokens: 6, estimated: true },
  ...more,
});

/** How many transactions wrote these runs last. */
async function transactionsOf(runIds: readonly string[]): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(distinct xmin::text)::int as count from runs where id = any(${[...runIds]}::uuid[])`.execute(
    store,
  );
  return rows[0]?.count ?? 0;
}

it('runs that are claimed and ended together have all that each alone would have', async () => {
  const askers = await newAskers(8);
  const runIds = [...(await askAll(askers)), ...(await askAll(askers))];
  const claimed = await claimAll(runIds);
  expect(claimed.map((run) => [run?.id, run?.status, run?.attempt, run?.worker_id])).toEqual(
    runIds.map((id) => [id, 'running', 1, 'w']),
  );
  expect(await transactionsOf(runIds)).toBe(1);

  const ended = await Promise.all(runIds.map((runId) => groups.end(outcome(runId))));
  expect(ended.map((run) => [run?.id, run?.status, run?.finish_reason, run?.terminal_seq])).toEqual(
    runIds.map((id) => [id, 'completed', 'stop', 2]),
  );
  expect(await transactionsOf(runIds)).toBe(1);
  expect(ended[0]?.usage).toEqual({ inputTokens: 3, outputTokens: 4, estimated: false });
  const { rows } = await sql`
    select messages.text = 'the answer ' || runs.id as answered, messages.status, outcome, input_tokens, output_tokens, estimated,
      exists (select from search_terms where message_id = messages.id) as found,
      title_due_at is not null as to_title
    from runs join messages on messages.id = runs.message_id join run_attempts on run_attempts.run_id = runs.id
      join conversations on conversations.id = runs.conversation_id
    where runs.id = any(${runIds}::uuid[])`.execute(store);
  expect(rows).toEqual(
    runIds.map(() => ({
      answered: true,
      status: 'completed',
      outcome: 'completed',
      input_tokens: 5,
      output_tokens: 6,
      estimated: true,
      found: true,
      to_title: true,
    })),
  );
  for (const { id } of askers) {
    const events = await sql<{ seq: number; type: string }>`
      select seq::int as seq, type from user_events where user_id = ${id} order by seq`.execute(store);
    expect(events.rows.map(({ seq }) => seq)).toEqual(events.rows.map((_, place) => place + 1));
    expect(events.rows.map(({ type }) => type).filter((type) => type.startsWith('run.'))).toEqual([
      'run.queued',
      'run.queued',
      'run.started',
      'run.started',
      'run.ended',
      'run.ended',
    ]);
  }
});

it('a run that is claimed twice at once is given once, and one that is held or has ended to nobody', async () => {
  const [first] = await newAskers(1);
  const [held, ended, free] = await Promise.all([first?.ask(), first?.ask(), first?.ask()]);
  const runIds = [held, ended, free].map(String);
  await claimAll(runIds.slice(0, 2));
  await groups.end(outcome(String(ended)));
  const claims = await claimAll([...runIds, String(free)]);
  expect(claims.map((run) => run?.id ?? null)).toEqual([null, null, free, null]);
});

it('an attempt that was lost ends nothing, and a stop that was accepted wins, whatever ends with them', async () => {
  const runIds = await askAll(await newAskers(4));
  await claimAll(runIds);
  const [lost = '', stopped = '', failed = '', good = ''] = runIds;
  await sql`update runs set attempt = 2 where id = ${lost}`.execute(store);
  await requestCancel(store, stopped);
  const ended = await Promise.all([
    groups.end(outcome(lost)),
    groups.end(outcome(stopped)),
    groups.end(outcome(failed, { status: 'failed', failureCode: 'run_timeout', text: '', usage: null })),
    groups.end(outcome(good)),
  ]);
  expect(ended.map((run) => run && [run.status, run.failure_code])).toEqual([
    null,
    ['cancelled', null],
    ['failed', 'run_timeout'],
    ['completed', null],
  ]);
});

it('what stands still with a lock on a conversation, a run or a feed holds up nobody else', async () => {
  const askers = await newAskers(4);
  const runIds = await askAll(askers);
  const [inConversation = '', ofRun = '', , free = ''] = runIds;
  const locks = [
    sql`select 1 from conversations where id = (select conversation_id from runs where id = ${inConversation}) for update`,
    sql`select 1 from runs where id = ${ofRun} for update`,
    sql`select 1 from user_feeds where user_id = ${askers[2]?.id} for update`,
  ];
  await claimAll(runIds);
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const standsStill = store.transaction().execute(async (trx) => {
    for (const lock of locks) await lock.execute(trx);
    begun.resolve();
    await goOn.promise;
  });
  await begun.promise;
  const ends = runIds.map((runId) => groups.end(outcome(runId)));
  // It would not come to this line if it waited for the others.
  expect(await ends[runIds.indexOf(free)]).toMatchObject({ status: 'completed' });
  goOn.resolve();
  await standsStill;
  expect((await Promise.all(ends)).map((run) => run?.status)).toEqual(runIds.map(() => 'completed'));
});

it('a text that Postgres refuses fails its own run alone', async () => {
  const runIds = await askAll(await newAskers(3));
  await claimAll(runIds);
  const [bad = '', ...good] = runIds;
  const ends = await Promise.allSettled([
    groups.end(outcome(bad, { text: 'NUL \0' })),
    ...good.map((runId) => groups.end(outcome(runId))),
  ]);
  expect(ends.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
});
