import { all, type Figure, type Measured, ratio } from '../figure.ts';
import type { Context } from '../support/context.ts';
import { type StartFanOut, startDurable, startHoldfast } from '../support/fan-out.ts';
import { loadAt, openReaders } from '../support/load.ts';

/** What Durable Streams' own server takes on a machine of two cores. */
const answers = 200;
const eventsPerSecond = 2_000;
const seconds = 4;

const measure =
  (start: StartFanOut) =>
  async (context: Context): Promise<Measured> => {
    const fanOut = await start(context, { answers });
    await openReaders(fanOut, 1);
    const load = await loadAt(fanOut, eventsPerSecond, context.quick ? 1.5 : seconds);
    return {
      value: load.cpuUs,
      ...load.cpuUsOf,
      p50: load.p50,
      p99: load.p99,
      perSecond: load.eventsPerSecond,
    };
  };

export const figure: Figure = {
  id: 'R2',
  title: 'Durable Streams on the scale that it takes: 200 answers, 2,000 events/s',
  unit: 'CPU µs per delivered event; ms',
  goal: 'none: for comparison',
  sides: [
    { name: 'Holdfast', measure: measure(startHoldfast) },
    { name: 'Durable Streams', measure: measure(startDurable) },
  ],
  verdict(medians) {
    const { because } = all(
      ratio('Durable Streams', medians['Holdfast']?.['value'], medians['Durable Streams']?.['value'], {
        atMost: 1,
      }),
    );
    return { reached: null, because };
  },
};
