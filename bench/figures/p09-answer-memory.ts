import { setTimeout as sleep } from 'node:timers/promises';
import { all, below, type Figure, type Measured } from '../figure.ts';
import type { Context } from '../support/context.ts';
import { type StartFanOut, startHoldfast, startResumed } from '../support/fan-out.ts';
import { openReaders, stats } from '../support/load.ts';

const answers = 50;
const eventsShort = 100;
const eventsLong = 10_000;
const kibibyte = 1_024;
/** What a collection leaves differs by about this from one look to the next. */
const noiseKiB = 10;

interface MemoryUsage {
  readonly heapUsed: number;
  readonly external: number;
}

const measure =
  (start: StartFanOut, rate: number, isHeldByProducer: boolean) =>
  async (context: Context): Promise<Measured> => {
    const fanOut = await start(context, { answers });
    await openReaders(fanOut, 1);
    const runTo = async (events: number) => {
      await fanOut.producer.call('rate', rate);
      while ((await stats(fanOut)).events < events * answers) await sleep(20);
      await fanOut.producer.call('rate', 0);
      await sleep(1_000);
      const look = isHeldByProducer ? fanOut.producer : fanOut.server;
      const { heapUsed, external } = await look.call<MemoryUsage>('memory');
      return (heapUsed + external) / kibibyte;
    };
    const short = await runTo(eventsShort);
    const long = await runTo(context.quick ? 1_000 : eventsLong);
    return { value: (long - short) / answers };
  };

export const figure: Figure = {
  id: 'P9',
  title: 'growth of memory in use per active answer, from 100 to 10,000 events (50 answers)',
  unit: 'KiB per answer, after a collection',
  goal: 'does not grow with the length of the answer',
  sides: [
    { name: 'Holdfast, API', measure: measure(startHoldfast, 20_000, false) },
    { name: 'resumable-stream, producer', measure: measure(startResumed, 10_000, true) },
  ],
  verdict: (medians) => all(below('growth', medians['Holdfast, API']?.['value'], noiseKiB, 'KiB')),
};
