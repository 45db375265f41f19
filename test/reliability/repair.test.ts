/** Figure 4: Redis forgets while answers are written. Whoever reads them must not notice. */
import { cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, expect, it } from 'vitest';
import { startChaosProxy } from '../support/chaos-proxy.ts';
import { deathsOf, patience, twoUrls, underWay } from '../support/inspect.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { startStack } from '../support/stack.ts';
import { type AskedRun, askAndRead, badReaders } from './support/asked.ts';
import { sized, startFigure } from './support/figure.ts';
import { startOwnRedis } from './support/servers.ts';

const figure = startFigure(4);
afterAll(() => figure.conclude());

const answersAtOnce = 8;
/** Long enough for several losses; another one begins when it ends. */
const directive = { deltas: 300, intervalMs: 20 } as const;
/** Of one log: what a failover in research lost. */
const lostEntriesMin = 23;

const random = seededRandom(4);

type Server = Awaited<ReturnType<typeof startOwnRedis>>;

/** Makes Redis lose something `times` times under answers, and judges what their readers saw. */
async function loseUnderAnswers(
  name: string,
  times: number,
  lose: (at: {
    server: Server;
    redirect: (port: number) => void;
    passed: () => Promise<void>;
  }) => Promise<void>,
): Promise<void> {
  const server = await startOwnRedis(`${name}-redis`);
  const network = await startChaosProxy({ target: { host: '127.0.0.1', port: server.port } });
  const stack = await startStack({
    apis: 2,
    workers: 2,
    redisUrl: network.url('redis'),
    env: { WORKER_LEASE_MS: '5000', UPSTREAM_IDLE_MS: '60000' },
  });
  const deaths = deathsOf(stack);
  const bases = twoUrls(stack);
  const all: AskedRun[] = [];
  let over = false;
  let accepting = true;
  /** Keeps one answer under way. */
  async function lane(number: number): Promise<void> {
    for (let n = 0; !over; n += 1) {
      try {
        const each = await askAndRead(bases[number % 2] ?? bases[0], {
          ...directive,
          seed: n,
          key: `${name}-${number}-${n}`,
        });
        all.push(each);
        await each.reader.done.catch(() => {});
      } catch {
        // Redis is away: nothing is accepted, which is as it should be.
        accepting = false;
        await sleep(50);
      }
    }
  }
  const lanes = Promise.all(Array.from({ length: answersAtOnce }, (_, number) => lane(number)));
  const flowing = () => all.filter(({ reader }) => reader.record.terminal === null);
  /** Resolves when answers have gone on by as much as a failover loses. */
  const passed = async () => {
    await expect.poll(() => flowing().length, patience).toBeGreaterThan(answersAtOnce / 2);
    const before = flowing().map((each) => ({ each, count: each.cameAt.size }));
    await expect
      .poll(
        () =>
          before.some(
            ({ each, count }) => each.cameAt.size - count > lostEntriesMin || each.reader.record.terminal,
          ),
        patience,
      )
      .toBe(true);
  };
  await expect.poll(() => all.length, patience).toBeGreaterThan(0);
  const [first] = all;
  if (first) await underWay(first.reader);
  for (let n = 0; n < times; n += 1) {
    await lose({ server, redirect: (port) => network.retarget({ host: '127.0.0.1', port }), passed });
    network.reset();
  }
  over = true;
  await lanes;
  figure.note(
    `${name}: losses, answers`,
    `${times}, ${all.length}${accepting ? '' : ' (some requests had to be repeated)'}`,
  );
  figure.exactly(`${name}: readers with a gap or another text`, await badReaders(all), 0);
  figure.exactly(`${name}: readers that were reset`, all.filter(({ resets }) => resets() > 0).length, 0);
  const ends = all.filter(({ snapshots }) => snapshots() > 0).length;
  for (const { run, reader } of all.filter(({ resets }) => resets() > 0)) {
    console.info('reset', run.id, reader.record.terminal?.id);
  }
  figure.note(`${name}: readers that got the end from Postgres, as one snapshot`, ends);
  figure.exactly(
    `${name}: connections that readers had to renew`,
    all.filter(({ reader }) => reader.record.connections.length > 1).length,
    0,
  );
  figure.exactly(`${name}: processes that died`, deaths.length, 0);
  await stack.stop();
  await network.stop();
  await server.stop();
}

it(`FLUSHALL ${sized(50)} times under answers: no reader is reset`, async () => {
  await loseUnderAnswers('FLUSHALL', sized(50, 2), async ({ server, passed }) => {
    const redis = new Redis(server.url);
    await redis.flushall();
    redis.disconnect();
    await passed();
  });
}, 300_000);

it(`Redis is killed and the end of its file is cut off ${sized(50)} times under answers: no reader is reset`, async (context) => {
  await loseUnderAnswers('AOF cut', sized(50, 2), async ({ server, passed }) => {
    if (!server.native) context.skip('this Redis writes no append-only file');
    await server.kill();
    truncateNewest(join(server.dataDir, 'appendonlydir'));
    await server.restart();
    await passed();
  });
}, 300_000);

/** Cuts 1 to 60 KB off the increment that the manifest names last. */
function truncateNewest(dir: string): void {
  const manifest = readdirSync(dir).find((file) => file.endsWith('.manifest'));
  const lines = readFileSync(join(dir, manifest ?? ''), 'utf8')
    .trim()
    .split('\n');
  const newest = /file (\S+) seq \d+ type i/.exec(lines.at(-1) ?? '')?.[1];
  if (!newest) throw new Error('the append-only file has an increment');
  const path = join(dir, newest);
  const { size } = statSync(path);
  truncateSync(path, Math.max(0, size - Math.round(1_024 + random() * 59 * 1_024)));
}

it(`Redis comes back with what it held a moment before, as a replica that lagged, ${sized(50)} times: no reader is reset`, async (context) => {
  await loseUnderAnswers('failover', sized(50, 2), async ({ server, passed }) => {
    if (!server.native) context.skip('this Redis writes no append-only file');
    const files = join(server.dataDir, 'appendonlydir');
    const copy = `${server.dataDir}-copy`;
    rmSync(copy, { recursive: true, force: true });
    cpSync(files, copy, { recursive: true });
    // What is written from now on is lost.
    await passed();
    await server.kill();
    rmSync(files, { recursive: true });
    cpSync(copy, files, { recursive: true });
    await server.restart();
    await passed();
  });
}, 300_000);
