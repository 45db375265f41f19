import { setTimeout as sleep } from 'node:timers/promises';
import { all, type Figure, type Measured, ratio } from '../figure.ts';
import type { Context } from '../support/context.ts';
import { cpuMs, residentBytes } from '../support/processes.ts';
import type { Role } from '../support/role.ts';
import { startUpstream, startWholeHoldfast } from '../support/whole-path.ts';

const tokensPerSecond = 50;
const answersOf = (context: Context) => (context.quick ? 40 : 150);

/** What one token costs the reading process, and how many answers a core could read at that price. */
async function load(context: Context, upstream: Role, reader: Role): Promise<Measured> {
  const answers = answersOf(context);
  const seconds = context.quick ? 2 : 8;
  await upstream.call('rate', answers * tokensPerSecond);
  await sleep(1_500);
  const before = [await upstream.call<number>('tokens'), cpuMs([reader.pid])] as const;
  await sleep(seconds * 1_000);
  const tokens = (await upstream.call<number>('tokens')) - before[0];
  const us = ((cpuMs([reader.pid]) - before[1]) * 1_000) / tokens;
  return {
    value: 1_000_000 / us / tokensPerSecond,
    us,
    tokensPerSecond: tokens / seconds,
    residentMiB: residentBytes(reader.pid) / 2 ** 20,
  };
}

async function measureReader(context: Context, env: Record<string, string>): Promise<Measured> {
  const redis = await context.redis();
  const upstream = await startUpstream(context);
  const file = new URL('../roles/reader.ts', import.meta.url).pathname;
  const reader = await context.role({
    name: 'The reader',
    file,
    env: { ...env, OPENAI_BASE_URL: upstream.url, REDIS_URL: redis.url },
  });
  await reader.call('open', { count: answersOf(context) });
  while ((await upstream.call<number>('openCount')) < answersOf(context)) await sleep(50);
  return load(context, upstream, reader);
}

async function measureWorker(context: Context): Promise<Measured> {
  const { producer, worker } = await startWholeHoldfast(context, answersOf(context));
  return load(context, producer, worker);
}

const sdk = 'SDK, for await';
const lean = "Holdfast's reader";
const sdkWriting = `${sdk}, XADD + PUBLISH`;
const worker = 'Holdfast: the worker';

export const figure: Figure = {
  id: 'P7',
  title: 'Answers of 50 tokens/s that one core of a worker can carry',
  unit: 'answers per core; also: µs per token, tokens/s of the measurement, MiB',
  goal: '≥ 2 × a plain for await over the SDK with Node’s own fetch, in reading, and with writing to Redis',
  sides: [
    { name: sdk, measure: (context) => measureReader(context, { BENCH_READER: 'sdk' }) },
    { name: lean, measure: (context) => measureReader(context, { BENCH_READER: 'lean' }) },
    {
      name: sdkWriting,
      measure: (context) => measureReader(context, { BENCH_READER: 'sdk', BENCH_WRITE: '1' }),
    },
    { name: worker, measure: measureWorker },
  ],
  verdict: (medians) => {
    const value = (side: string) => medians[side]?.['value'];
    return all(
      ratio('the SDK, reading', value(lean), value(sdk), { atLeast: 2 }),
      ratio('the SDK, writing', value(worker), value(sdkWriting), { atLeast: 2 }),
    );
  },
};
