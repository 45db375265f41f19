/** Figure 6: how soon a cancel is confirmed and the provider hung up on, and a thousand cancels at random moments. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunView } from '@holdfast/shared/http/schemas.ts';
import { afterAll, expect, it } from 'vitest';
import { ask, call, question } from '../support/ask.ts';
import { expectOneEnd, patience, storedRun, twoUrls, watch } from '../support/inspect.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { startStack } from '../support/stack.ts';
import { percentile, sized, spread, startFigure } from './support/figure.ts';

const figure = startFigure(6);
afterAll(() => figure.conclude());

it(`${sized(200)} answers are stopped, among others that go on: soon confirmed, soon hung up on`, async () => {
  const stack = await startStack({
    apis: 2,
    workers: 2,
    env: { WORKER_LEASE_MS: '5000', UPSTREAM_IDLE_MS: '60000' },
  });
  const bases = twoUrls(stack);
  for (let seed = 0; seed < 50; seed += 1)
    await ask(bases[seed % 2] ?? '', question({ deltas: 5_000, intervalMs: 50, seed }));
  const acks: number[] = [];
  const hangUps: number[] = [];
  for (let n = 0; n < sized(200, 10); n += 1) {
    const key = `stopped-${n}`;
    const { run } = await ask(bases[n % 2] ?? '', question({ deltas: 1_000, intervalMs: 20, key }));
    const request = () => stack.upstream.journal().findLast((entry) => entry.key === key);
    await expect.poll(() => request()?.deltasSent ?? 0, { ...patience, interval: 5 }).toBeGreaterThan(2);
    const since = performance.now();
    const sentAt = Date.now();
    const reply = await call(bases[(n + 1) % 2] ?? '', 'POST', `/api/runs/${run.id}/cancel`);
    acks.push(performance.now() - since);
    expect(reply.status).toBe(202);
    await expect.poll(() => request()?.outcome, { ...patience, interval: 5 }).toBe('client-closed');
    hangUps.push((request()?.closedAtMs ?? Infinity) - sentAt);
  }
  figure.note('cancel confirmed', spread(acks));
  figure.atMost('cancel confirmed, p95', percentile(acks, 0.95), 100, 'ms');
  figure.note('provider hung up on', spread(hangUps));
  figure.atMost('provider hung up on, p95', percentile(hangUps, 0.95), 1_000, 'ms');
  await stack.stop();
}, 180_000);

it(`${sized(1_000)} cancels at random moments: one end each, and none of those that still waited reached the provider`, async () => {
  // Few places, so that many of them are stopped while they wait.
  const stack = await startStack({ apis: 2, workers: 2, env: { WORKER_CONCURRENCY: '2' } });
  const bases = twoUrls(stack);
  const random = seededRandom(6);
  const races = sized(1_000, 20);
  const ends: Record<string, number> = {};
  let wrong = 0;
  let stoppedWaiting = 0;
  let askedForWaiting = 0;
  async function race(n: number): Promise<void> {
    const key = `race-${n}`;
    const { run } = await ask(bases[n % 2] ?? '', question({ deltas: 10, intervalMs: 8, seed: n, key }));
    const readers = watch([bases[n % 2] ?? ''], run);
    await sleep(random() * random() * 400);
    const reply = await call<{ run: RunView }>(
      bases[(n + 1) % 2] ?? '',
      'POST',
      `/api/runs/${run.id}/cancel`,
    );
    await readers[0].done;
    const { status, attempt } = await storedRun(stack, run.id);
    const end = `${reply.status} ${status}`;
    ends[end] = (ends[end] ?? 0) + 1;
    if (end !== '200 completed' && end !== '202 cancelled') wrong += 1;
    await expectOneEnd(stack, run, [readers[0].record]).catch((error: Error) => {
      console.info(error.message);
      wrong += 1;
    });
    // Ended by the API process itself, before any worker had claimed it.
    if (reply.body.run.status === 'cancelled' && reply.body.run.startedAt === null) {
      stoppedWaiting += 1;
      askedForWaiting += stack.upstream.journal().filter((entry) => entry.key === key).length;
      expect(attempt).toBeLessThanOrEqual(1);
    }
  }
  let next = 0;
  await Promise.all(
    Array.from({ length: 16 }, async () => {
      for (let n = next++; n < races; n = next++) await race(n);
    }),
  );
  figure.note('how the races ended', JSON.stringify(ends));
  figure.exactly('runs without exactly one end, or with one that was not promised', wrong, 0);
  figure.note('stopped while they waited', stoppedWaiting);
  figure.exactly('requests to the provider for those', askedForWaiting, 0);
  await stack.stop();
}, 300_000);
