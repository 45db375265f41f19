/** Figure 3: how soon another worker goes on, and what a worker that was frozen can still do. Lease as by default. */
import { afterAll, expect, it } from 'vitest';
import type { Child } from '../../scripts/services/process.ts';
import { call } from '../support/ask.ts';
import { patience, storedRun, twoUrls, underWay } from '../support/inspect.ts';
import { startStack } from '../support/stack.ts';
import { type AskedRun, askAndRead, badReaders } from './support/asked.ts';
import { percentile, sized, spread, startFigure } from './support/figure.ts';

const figure = startFigure(3);
afterAll(() => figure.conclude());

/** What an installation has that sets nothing. */
const defaults = { WORKER_LEASE_MS: '5000', HEARTBEAT_MS: '10000', UPSTREAM_IDLE_MS: '60000' };
/** The first request of each run stays open: its worker is in mid-answer whenever it is hit. */
const neverEnding = { deltas: 40, intervalMs: 10, fault: 'stall', atDelta: 20, times: 1 } as const;

const holders = async (
  stack: Awaited<ReturnType<typeof startStack>>,
  asked: readonly AskedRun[],
  victims: readonly Child[],
) => {
  const held = await Promise.all(
    asked.map(async (each) => ({ each, worker: (await storedRun(stack, each.run.id)).worker_id })),
  );
  return held
    .filter(({ worker }) => victims.some((victim) => worker?.endsWith(`:${victim.pid}`)))
    .map(({ each }) => each);
};

it(`${sized(24)} workers die in mid-answer: the first event of the next attempt comes soon`, async () => {
  const stack = await startStack({ apis: 2, workers: 4, env: defaults });
  const bases = twoUrls(stack);
  let workers = [...stack.workers];
  const takeOverMs: number[] = [];
  let bad = 0;
  const rounds = Math.ceil(sized(24) / 2);
  for (let round = 0; round < rounds; round += 1) {
    const asked = await Promise.all(
      Array.from({ length: 12 }, (_, n) =>
        askAndRead(bases[n % 2] ?? bases[0], { ...neverEnding, seed: n, key: `dies-${round}-${n}` }),
      ),
    );
    await Promise.all(asked.map(({ reader }) => underWay(reader, 3)));
    const victims = workers.slice(0, 2);
    const orphans = await holders(stack, asked, victims);
    const killedAt = performance.now();
    await Promise.all(victims.map((victim) => victim.kill()));
    const fresh = Promise.all([stack.startWorker(), stack.startWorker()]);
    for (const each of orphans) {
      await expect.poll(() => each.cameAt.has('2-0'), patience).toBe(true);
      takeOverMs.push((each.cameAt.get('2-0') ?? Infinity) - killedAt);
    }
    workers = [...workers.slice(2), ...(await fresh)];
    bad += await badReaders(orphans);
    for (const each of asked) if (!orphans.includes(each)) await stop(bases[0], each);
  }
  figure.note('take-over after kill -9', spread(takeOverMs));
  figure.atMost('take-over, p95', percentile(takeOverMs, 0.95), 6_000, 'ms');
  figure.atMost('take-over, longest', Math.max(...takeOverMs), 10_000, 'ms');
  figure.exactly('readers with anything but the whole answer (killed)', bad, 0);
  await stack.stop();
}, 600_000);

const stop = (base: string, { run }: AskedRun) => call(base, 'POST', `/api/runs/${run.id}/cancel`);

it(`${sized(100)} workers are frozen past their lease: none writes a word when it wakes, and each hangs up soon`, async () => {
  const perRound = 10;
  const stack = await startStack({ apis: 2, workers: perRound, env: defaults });
  const bases = twoUrls(stack);
  const rescuer = await stack.startWorker({ WORKER_CONCURRENCY: '500' });
  let frozen = 0;
  let foreign = 0;
  let bad = 0;
  const hangUpMs: number[] = [];
  for (let round = 0; frozen < sized(100); round += 1) {
    const asked = await Promise.all(
      Array.from({ length: 4 * perRound }, (_, n) =>
        askAndRead(bases[n % 2] ?? bases[0], {
          ...neverEnding,
          // Half of them have words in their hands when they wake, the others hang on a silent provider.
          atDelta: n % 2 ? 20 : 290,
          deltas: 300,
          intervalMs: 20,
          seed: n,
          key: `frozen-${round}-${n}`,
        }),
      ),
    );
    await Promise.all(asked.map(({ reader }) => underWay(reader, 3)));
    const zombies = stack.workers;
    const theirs = await holders(stack, asked, zombies);
    for (const zombie of zombies) process.kill(zombie.pid, 'SIGSTOP');
    for (const { cameAt } of theirs) await expect.poll(() => cameAt.has('2-0'), patience).toBe(true);
    const wokenAt = Date.now();
    for (const zombie of zombies) process.kill(zombie.pid, 'SIGCONT');
    const keys = new Set(theirs.map(({ key }) => key));
    const first = new Map(
      stack.upstream
        .journal()
        .toReversed()
        .flatMap((entry) => (entry.key !== null && keys.has(entry.key) ? [[entry.key, entry] as const] : [])),
    );
    for (const entry of first.values()) {
      await expect.poll(() => entry.outcome, patience).toBe('client-closed');
      hangUpMs.push((entry.closedAtMs ?? Infinity) - wokenAt);
    }
    bad += await badReaders(theirs);
    for (const { reader } of theirs) {
      const attempts = reader.record.ids.map((id) => Number(id.split('-')[0]));
      const second = attempts.indexOf(2);
      foreign += attempts.slice(second).filter((attempt) => attempt < 2).length;
    }
    for (const each of asked) if (!theirs.includes(each)) await stop(bases[0], each);
    frozen += zombies.length;
  }
  figure.note('frozen workers', frozen);
  figure.exactly('events of a worker that had lost its run', foreign, 0);
  figure.exactly('readers with anything but the whole answer (frozen)', bad, 0);
  figure.note('waking to hanging up', spread(hangUpMs));
  figure.atMost('waking to hanging up, longest', Math.max(...hangUpMs), 2_000, 'ms');
  await rescuer.stop();
  await stack.stop();
}, 600_000);
