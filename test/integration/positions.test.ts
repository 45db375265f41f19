/**
 * What readers of waiting runs are told: over HTTP, with a worker that is short of places. This file is longer than 250 lines because
 * all of it is asked of the same two API processes and their worker.
 */
import type { QueueState } from '@holdfast/shared/http/queue.ts';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { ask, call, createConversation, follow, getRun, question } from '../support/ask.ts';
import { followWithEventSource } from '../support/clients/eventsource.ts';
import { createFeedReaders } from '../support/feed-readers.ts';
import { firstUrl, patience, storedEnd } from '../support/inspect.ts';
import { occupyWorkers } from '../support/occupied-workers.ts';
import { as, makePerson } from '../support/people.ts';
import { type Following, followRun } from '../support/recorder.ts';
import { openEventStream } from '../support/sse-reader.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';

let stack: Stack;
let base: string;
beforeAll(async () => {
  // Two at a time.
  stack = await startStack({ apis: 2, workers: 1, env: { WORKER_CONCURRENCY: '2' } });
  base = firstUrl(stack);
});
afterAll(() => stack.stop());

const feeds = createFeedReaders(() => [base]);
const short = question({ deltas: 3 });
const url = (run: { eventsUrl: string }) => (each: string) => `${each}${run.eventsUrl}`;
const watch = (run: { eventsUrl: string }, nth = 0): Following =>
  followRun({ bases: [stack.apis[nth]?.url ?? base], url: url(run) });
const cancel = (runId: string) => call(base, 'POST', `/api/runs/${runId}/cancel`);

const occupy = () => occupyWorkers(stack, base, 2);

/** Whether each is less than the one before: told of every change once, and of nothing else. */
const falls = (positions: readonly number[]) =>
  positions.every((each, n) => n === 0 || each < (positions[n - 1] ?? 0));

it('readers of waiting runs see their positions fall until their run starts, on every process', async () => {
  const { free } = await occupy();
  const runs = [];
  for (let n = 0; n < 6; n += 1) runs.push((await ask(base, short)).run);
  const readers = runs.flatMap((run) => [watch(run, 0), watch(run, 1)]);
  await vi.waitFor(
    () =>
      expect(readers.map(({ record }) => record.positions[0])).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]),
    patience,
  );
  const [first] = runs;
  if (first) await cancel(first.id);
  // Those behind it move up.
  await vi.waitFor(
    () =>
      expect(readers.slice(2).map(({ record }) => record.positions.at(-1))).toEqual([
        1, 1, 2, 2, 3, 3, 4, 4, 5, 5,
      ]),
    patience,
  );
  await free();
  for (const { record, done } of readers) {
    expect(await done).toBe('terminal');
    expect(record.violations).toEqual([]);
    expect(falls(record.positions)).toBe(true);
  }
  expect(readers.slice(2).map(({ record }) => record.terminal?.type)).toEqual(Array(10).fill('completed'));
});

it('the position of a run does not rise when somebody who has asked less goes before it', async () => {
  const { free } = await occupy();
  for (let n = 0; n < 3; n += 1) await ask(base, short);
  const last = (await ask(base, short)).run;
  const reader = watch(last);
  await vi.waitFor(() => expect(reader.record.positions).toEqual([4]), patience);
  const other = await makePerson(stack, 'Other');
  const { id } = (await as<{ id: string }>(other, base, 'POST', '/api/conversations', {})).body;
  const posted = await as<{ run: { id: string; eventsUrl: string } }>(
    other,
    base,
    'POST',
    `/api/conversations/${id}/messages`,
    { text: short },
  );
  // Told that it is the next: so it goes before the others.
  const others = followRun({ bases: [base], url: url(posted.body.run), headers: other.headers });
  await vi.waitFor(() => expect(others.record.positions[0]).toBe(1), patience);
  expect(reader.record.positions).toEqual([4]);
  await free();
  await Promise.all([reader.done, others.done]);
  expect(falls(reader.record.positions)).toBe(true);
});

it('a reader who comes back to another process is not put back by a run that was numbered before and committed after', async () => {
  const { free } = await occupy();
  await ask(base, short);
  const { run } = await ask(base, short);
  const late = (await ask(base, short)).run;
  const reader = watch(run, 0);
  await vi.waitFor(() => expect(reader.record.positions).toEqual([2]), patience);
  // As if its transaction had taken this long.
  await stack.db.query('update runs set number = -1, pass = -1 where id = $1', [late.id]);
  const first = watch(late, 1);
  await vi.waitFor(() => expect(first.record.positions[0]).toBe(1), patience);
  const again = watch(run, 1);
  await vi.waitFor(() => expect(again.record.positions[0]).toBe(2), patience);
  await free();
  for (const { record, done } of [reader, first, again]) {
    expect(await done).toBe('terminal');
    expect(falls(record.positions)).toBe(true);
  }
});

it('a reader who comes back to the process that told more than another one has since is not put back', async () => {
  const { free } = await occupy();
  const ahead = (await ask(base, short)).run;
  await ask(base, short);
  const { run } = await ask(base, short);
  const reader = watch(run, 0);
  await vi.waitFor(() => expect(reader.record.positions).toEqual([3]), patience);
  // Within the second in which those who read there already are not told again.
  await cancel(ahead.id);
  const moved = watch(run, 1);
  await vi.waitFor(() => expect(moved.record.positions[0]).toBe(2), patience);
  const back = watch(run, 0);
  await vi.waitFor(() => expect(back.record.positions[0]).toBe(2), patience);
  await free();
  for (const { record, done } of [reader, moved, back]) {
    expect(await done).toBe('terminal');
    expect(falls(record.positions)).toBe(true);
  }
});

it('positions rise only when somebody to whom an administrator gave priority asks, and readers of both streams are told', async () => {
  const urgent = await makePerson(stack, 'Urgent');
  await stack.db.query(`update users set role = 'admin' where id = $1`, [testUser.id]);
  const limits = { priority: 5 };
  const changed = await call(base, 'PATCH', `/api/admin/users/${urgent.id}`, { limits });
  expect(changed).toMatchObject({ status: 200, body: { limits } });
  await stack.db.query(`update users set role = 'user' where id = $1`, [testUser.id]);

  const { free } = await occupy();
  const feed = await feeds.watch();
  for (let n = 0; n < 2; n += 1) await ask(base, short);
  const { run } = await ask(base, short);
  const reader = watch(run);
  const inFeed = () =>
    feed.record.events.flatMap((event) =>
      event.type === 'run.position' && event.data.runId === run.id ? [event.data.position] : [],
    );
  await vi.waitFor(() => expect([reader.record.positions, inFeed()]).toEqual([[3], [3]]), patience);
  const { id } = (await as<{ id: string }>(urgent, base, 'POST', '/api/conversations', {})).body;
  await as(urgent, base, 'POST', `/api/conversations/${id}/messages`, { text: short });
  const both = [3, 4];
  await vi.waitFor(() => expect([reader.record.positions, inFeed()]).toEqual([both, both]), patience);
  await free();
  expect(await reader.done).toBe('terminal');
  await feeds.stop();
  for (const positions of [reader.record.positions, inFeed()]) expect(falls(positions.slice(1))).toBe(true);
  expect([...reader.record.violations, ...feed.record.violations]).toEqual([]);
});

it('an event of the queue has no id: whoever reconnects while waiting, or follows natively, misses nothing', async () => {
  const { free } = await occupy();
  const { run } = await ask(base, short);
  const stream = await openEventStream(`${base}${run.eventsUrl}`);
  for await (const item of stream) {
    if (item.kind !== 'event') continue;
    expect(item).toMatchObject({ id: null, event: 'queued' });
    expect(JSON.parse(item.data)).toEqual({
      position: 1,
      estimatedMs: expect.toBeOneOf([null, expect.any(Number)]),
    });
    break;
  }
  const source = followWithEventSource({ url: `${base}${run.eventsUrl}` });
  const reader = followRun({ bases: stack.apis.map((api) => api.url), url: url(run) });
  await vi.waitFor(() => expect(reader.record.positions).toEqual([1]), patience);
  reader.cut();
  // On the next connection it is told again, at once.
  await vi.waitFor(() => expect(reader.record.positions).toEqual([1, 1]), patience);
  expect(reader.record.cursor).toBeNull();
  await free();
  await reader.done;
  await source.done;
  for (const record of [reader.record, source.record]) {
    expect(record).toMatchObject({ violations: [], terminal: { type: 'completed' } });
    expect(record.ids[0]).toBe('1-0');
  }
});

it('nobody is told a position when nothing waits, nor that of a run that waits for a retry', async () => {
  const quick = await follow([base], (await ask(base, short)).run);
  expect(quick.positions).toEqual([]);
  const { run } = await ask(base, question({ status: 503, times: 1, key: 'retried', deltas: 2 }));
  await expect.poll(async () => (await getRun(base, run.id)).attempt, patience).toBeGreaterThanOrEqual(1);
  const retried = await follow([base], run);
  expect(retried).toMatchObject({ positions: [], violations: [] });
});

it('the time until the turn is told once enough runs have started', async () => {
  for (let n = 0; n < 12; n += 1) await follow([base], (await ask(base, question({ deltas: 1 }))).run);
  const { free } = await occupy();
  const { run } = await ask(base, short);
  const stream = await openEventStream(`${base}${run.eventsUrl}`);
  for await (const item of stream) {
    if (item.kind !== 'event') continue;
    const { position, estimatedMs } = JSON.parse(item.data) as { position: number; estimatedMs: number };
    expect(position).toBe(1);
    // At least twelve starts in a minute.
    expect(estimatedMs).toBeGreaterThan(0);
    expect(estimatedMs).toBeLessThanOrEqual(5_000);
    break;
  }
  await free();
  await storedEnd(stack, run.id);
});

it('administrators see what waits, what runs, who answers and who waits most; others do not', async () => {
  const { runIds, free } = await occupy();
  for (let n = 0; n < 3; n += 1) await ask(base, short);
  expect(await call(base, 'GET', '/api/admin/queue')).toMatchObject({
    status: 403,
    body: { code: 'forbidden' },
  });
  await stack.db.query(`update users set role = 'admin' where id = $1`, [testUser.id]);
  const state = await call<QueueState>(base, 'GET', '/api/admin/queue');
  expect(state.status).toBe(200);
  expect(state.body).toEqual({
    waiting: 3,
    running: runIds.length,
    workers: [{ id: expect.any(String), concurrency: 2, running: 2, seenAt: expect.any(String) }],
    waitingByUser: [{ userId: testUser.id, name: 'Test user', waiting: 3 }],
  });
  await stack.db.query(`update users set role = 'user' where id = $1`, [testUser.id]);
  await free();
});

it('runs wait while there is no worker, each reader knows its position, and all are answered when one comes', async () => {
  const alone = await startStack({ apis: 1, workers: 0 });
  try {
    const origin = firstUrl(alone);
    const { id } = await createConversation(origin);
    const runs = [(await ask(origin, short, id)).run, (await ask(origin, short)).run];
    const readers = runs.map((run) => followRun({ bases: [origin], url: url(run) }));
    await vi.waitFor(
      () => expect(readers.map(({ record }) => record.positions)).toEqual([[1], [2]]),
      patience,
    );
    await alone.startWorker();
    for (const { record, done } of readers) {
      expect(await done).toBe('terminal');
      expect(record).toMatchObject({ violations: [], terminal: { type: 'completed' } });
    }
  } finally {
    await alone.stop();
  }
});
