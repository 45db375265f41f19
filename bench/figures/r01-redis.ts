import { Redis } from 'ioredis';
import type { Figure, Measured } from '../figure.ts';
import type { Context } from '../support/context.ts';
import { cpuMs } from '../support/processes.ts';
import { eventJson } from '../support/schedule.ts';

const appends = 100_000;
const streams = 1_000;
const pipelined = 500;

async function measure(context: Context): Promise<Measured> {
  const server = await context.redis();
  const redis = new Redis(server.url);
  context.onEnd(() => redis.disconnect());
  const count = context.quick ? appends / 10 : appends;
  const cpuBefore = cpuMs([server.pid]);
  const startedAt = performance.now();
  for (let done = 0; done < count; done += pipelined) {
    const pipeline = redis.pipeline();
    for (let each = done; each < done + pipelined; each += 1)
      pipeline.xadd(
        `s:${each % streams}`,
        `1-${Math.floor(each / streams) + 1}`,
        't',
        'delta',
        'd',
        eventJson(),
      );
    await pipeline.exec();
  }
  const appendedMs = performance.now() - startedAt;
  const appendCpuMs = cpuMs([server.pid]) - cpuBefore;
  const readAt = performance.now();
  const turns = 5;
  let read = 0;
  for (let turn = 0; turn < turns; turn += 1) {
    for (let stream = 0; stream < streams; stream += 1)
      read += (await redis.xrange(`s:${stream}`, '-', '+', 'COUNT', 100)).length;
  }
  return {
    value: (count / appendedMs) * 1_000,
    cpuUsPerXadd: (appendCpuMs * 1_000) / count,
    readPerSecond: (read / (performance.now() - readAt)) * 1_000,
  };
}

export const figure: Figure = {
  id: 'R1',
  title: 'the limit of bare Redis: XADD pipelined on one connection; XRANGE of up to 100, one after another',
  unit: 'XADD/s; CPU µs of Redis; entries read per second',
  goal: 'none: for comparison',
  sides: [{ name: 'bare Redis', measure }],
  verdict: () => ({ reached: null, because: 'no goal' }),
};
