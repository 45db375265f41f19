import { all, type Figure, type Measured, ratio } from '../figure.ts';
import type { Context } from '../support/context.ts';
import { startHoldfast } from '../support/fan-out.ts';
import { loadAt, openReaders } from '../support/load.ts';

const eventsPerSecond = 6_000;
const seconds = 5;

/** The same work over more answers: what grows is what costs something for being open. */
const measure =
  (answers: number) =>
  async (context: Context): Promise<Measured> => {
    const fanOut = await startHoldfast(context, { answers });
    await openReaders(fanOut, 1);
    const load = await loadAt(fanOut, eventsPerSecond, context.quick ? 1.5 : seconds);
    const { server = 0, redis = 0, postgres = 0, producer = 0 } = load.cpuUsOf;
    return { value: server + redis, server, redis, postgres, producer, p99: load.p99 };
  };

export const figure: Figure = {
  id: 'P3',
  title: 'API and Redis, 6,000 events/s over 100, 1,000 and 5,000 answers',
  unit: 'CPU µs per delivered event',
  goal: '5,000 answers ≤ 1.25 × 100 answers',
  sides: [
    { name: '100 answers', measure: measure(100) },
    { name: '1,000 answers', measure: measure(1_000) },
    { name: '5,000 answers', measure: measure(5_000) },
  ],
  verdict: (medians) =>
    all(
      ratio('100 answers', medians['5,000 answers']?.['value'], medians['100 answers']?.['value'], {
        atMost: 1.25,
      }),
    ),
};
