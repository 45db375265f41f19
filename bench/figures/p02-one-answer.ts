import { all, type Figure, type Measured, ratio } from '../figure.ts';
import type { Context } from '../support/context.ts';
import { type StartFanOut, startBare, startHoldfast } from '../support/fan-out.ts';
import { loadAt, openReaders } from '../support/load.ts';

const readers = 100;
const eventsPerSecond = 200;
const seconds = 6;

const measure =
  (start: StartFanOut) =>
  async (context: Context): Promise<Measured> => {
    const fanOut = await start(context, { answers: 1 });
    await openReaders(fanOut, readers);
    const load = await loadAt(fanOut, eventsPerSecond, context.quick ? 1.5 : seconds);
    return { value: load.cpuUs, ...load.cpuUsOf, p50: load.p50, p99: load.p99 };
  };

export const figure: Figure = {
  id: 'P2',
  title: 'one answer with 100 readers, 200 events/s',
  unit: 'CPU µs per delivered event',
  goal: '≤ 1.3 × bare node:http',
  sides: [
    { name: 'Holdfast', measure: measure(startHoldfast) },
    { name: 'bare node:http', measure: measure(startBare) },
  ],
  verdict: (medians) =>
    all(ratio('bare', medians['Holdfast']?.['value'], medians['bare node:http']?.['value'], { atMost: 1.3 })),
};
