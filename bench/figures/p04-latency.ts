import { all, below, type Figure, type Measured, ratio } from '../figure.ts';
import type { Context } from '../support/context.ts';
import { loadAt, openReaders, stats } from '../support/load.ts';
import { redisTraffic } from '../support/redis-traffic.ts';
import { startWholeHoldfast, startWholeNaive, type WholePath } from '../support/whole-path.ts';

const answers = 1_000;
const tokensPerSecond = 6_000;
const seconds = 6;

const measure =
  (start: (context: Context, answers: number) => Promise<WholePath>) =>
  async (context: Context): Promise<Measured> => {
    const path = await start(context, context.quick ? 200 : answers);
    await openReaders(path, 1);
    const { port } = await context.redis();
    const before = await redisTraffic(port);
    const tokensBefore = await path.producer.call<number>('tokens');
    const load = await loadAt(path, tokensPerSecond, context.quick ? 2 : seconds);
    const { chunks, events } = await stats(path);
    const after = await redisTraffic(port);
    const tokens = (await path.producer.call<number>('tokens')) - tokensBefore;
    return {
      p50: load.p50,
      p99: load.p99,
      tokensPerSecond: load.eventsPerSecond * (chunks / Math.max(1, events)),
      cpuUs: load.cpuUs,
      ...load.cpuUsOf,
      redisCommands: (after.commands - before.commands) / tokens,
      redisBytes: (after.bytes - before.bytes) / tokens,
    };
  };

export const figure: Figure = {
  id: 'P4',
  title: 'added latency, upstream chunk to client, 6,000/s over 1,000 answers (whole path)',
  unit: 'ms p50 and p99; CPU µs per event; Redis commands (with those inside scripts) and bytes per upstream chunk',
  goal: 'p50 ≤ 2 ms, p99 ≤ 10 ms, ≤ naive',
  sides: [
    { name: 'Holdfast', measure: measure(startWholeHoldfast) },
    { name: 'naive XREAD', measure: measure(startWholeNaive) },
  ],
  verdict(medians) {
    const [ours, naive] = [medians['Holdfast'], medians['naive XREAD']];
    return all(
      below('p50', ours?.['p50'], 2, 'ms'),
      below('p99', ours?.['p99'], 10, 'ms'),
      ratio('p50 of naive', ours?.['p50'], naive?.['p50'], { atMost: 1 }),
      ratio('p99 of naive', ours?.['p99'], naive?.['p99'], { atMost: 1 }),
    );
  },
};
