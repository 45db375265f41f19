import { connectRedis, whenReady } from '@holdfast/shared/redis.ts';
import { createLeanConnection } from '@holdfast/shared/run-log/lean-connection.ts';
import { type Transact, transactThrough } from '@holdfast/shared/run-log/transact.ts';
import type { Redis } from 'ioredis';
import { all, type Figure, type Measured, ratio } from '../figure.ts';
import type { Context } from '../support/context.ts';
import { eventJson } from '../support/schedule.ts';

const entries = 10_000;
/** As many as a page of a log has at most. */
const pageEntries = 500;
const readings = 30;

/** Reads a log of 10,000 entries page by page, again and again; what counts is the time of the process that reads. */
const measure =
  (role: 'commands' | 'lean', transactOver: (redis: Redis) => Transact) =>
  async (context: Context): Promise<Measured> => {
    const { url } = await context.redis();
    const open = async (as: 'commands' | 'lean'): Promise<Redis> => {
      const redis = connectRedis({ url, role: as, name: 'bench', onError: () => undefined });
      context.onEnd(() => redis.disconnect());
      await whenReady(redis);
      return redis;
    };
    const writer = (await open('commands')).pipeline();
    for (let seq = 1; seq <= entries; seq += 1)
      writer.xadd('log', `1-${seq}`, 't', 'delta', 'd', eventJson());
    await writer.exec();

    const transact = transactOver(await open(role));
    const read = async () => {
      let from = '-';
      for (let count = 0; count < entries; count += pageEntries) {
        const [page] = (await transact([['xrange', 'log', from, '+', 'COUNT', pageEntries]])) as [[string][]];
        from = `(${page.at(-1)?.[0]}`;
      }
    };
    // The first readings are those of code that is not compiled yet.
    for (let warmUp = 0; warmUp < 5; warmUp += 1) await read();
    const cpuBefore = process.cpuUsage();
    const startedAt = performance.now();
    for (let reading = 0; reading < readings; reading += 1) await read();
    const cpu = process.cpuUsage(cpuBefore);
    return {
      value: (cpu.user + cpu.system) / (readings * entries),
      msPer10000: (performance.now() - startedAt) / readings,
    };
  };

export const figure: Figure = {
  id: 'R3',
  title: 'reading a log of 10,000 entries in pages of 500: decoding replies (decision 16)',
  unit: 'CPU µs of the reading process per entry; ms for all',
  goal: 'less than ioredis',
  sides: [
    { name: 'own decoder', measure: measure('lean', (redis) => createLeanConnection(redis).transact) },
    { name: 'ioredis', measure: measure('commands', transactThrough) },
  ],
  verdict: (medians) =>
    all(ratio('ioredis', medians['own decoder']?.['value'], medians['ioredis']?.['value'], { atMost: 1 })),
};
