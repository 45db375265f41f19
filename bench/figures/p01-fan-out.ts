import { all, type Figure, type Measured, ratio } from '../figure.ts';
import type { Context } from '../support/context.ts';
import {
  type StartFanOut,
  startBare,
  startDirect,
  startHoldfast,
  startNaive,
  startResumed,
} from '../support/fan-out.ts';
import { highestRate, loadAt, openReaders } from '../support/load.ts';

const answers = 1_000;
/** Where CPU per event is compared: far below what any side sustains, so that all do the same work. */
const moderateRate = 10_000;
const seconds = 4;
const stepSeconds = 1;

function measure(start: StartFanOut, ramp: { from: number } | null) {
  return async (context: Context): Promise<Measured> => {
    const fanOut = await start(context, { answers });
    await openReaders(fanOut, 1);
    const load = await loadAt(fanOut, moderateRate, context.quick ? 1 : seconds);
    const highest = ramp ? await highestRate(fanOut, ramp.from, stepSeconds) : 0;
    return {
      value: highest,
      cpuUs: load.cpuUs,
      ...load.cpuUsOf,
      p50: load.p50,
      p99: load.p99,
      bytes: load.bytesPerEvent,
    };
  };
}

export const figure: Figure = {
  id: 'P1',
  title: 'delivered events, 1,000 answers with one reader each (Redis, API, client)',
  unit: 'events/s at most; at 10,000/s: CPU µs per event, ms p50 and p99, bytes per event',
  goal: '≥ 6 × naive; CPU ≤ 0.5 × resumable-stream resumed, ≤ 1.2 × direct; ≥ 0.7 × bare node:http',
  sides: [
    { name: 'Holdfast', measure: measure(startHoldfast, { from: 20_000 }) },
    { name: 'naive XREAD', measure: measure(startNaive, { from: 6_000 }) },
    { name: 'resumable-stream, resumed', measure: measure(startResumed, { from: 10_000 }) },
    { name: 'resumable-stream, direct', measure: measure(startDirect, { from: 20_000 }) },
    { name: 'bare node:http', measure: measure(startBare, { from: 30_000 }) },
  ],
  verdict(medians) {
    const ours = medians['Holdfast'];
    return all(
      ratio('naive', ours?.['value'], medians['naive XREAD']?.['value'], { atLeast: 6 }),
      ratio('CPU of resumed', ours?.['cpuUs'], medians['resumable-stream, resumed']?.['cpuUs'], {
        atMost: 0.5,
      }),
      ratio('CPU of direct', ours?.['cpuUs'], medians['resumable-stream, direct']?.['cpuUs'], {
        atMost: 1.2,
      }),
      ratio('bare', ours?.['value'], medians['bare node:http']?.['value'], { atLeast: 0.7 }),
    );
  },
};
