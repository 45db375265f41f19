import { setTimeout as sleep } from 'node:timers/promises';
import { all, type Figure, type Measured, ratio } from '../figure.ts';
import type { Context } from '../support/context.ts';
import { type StartFanOut, startBare, startHoldfast } from '../support/fan-out.ts';
import { percentileOf } from '../support/latencies.ts';
import { stats } from '../support/load.ts';
import { residentBytes } from '../support/processes.ts';

const answers = 1_000;
const readersPerAnswer = 5;
/** What each reader missed. */
const events = 100;
const openingAtOnceMax = 32;
const lookMs = 20;
const mebibyte = 2 ** 20;
const seenGoneMsMax = 10_000;

const measure =
  (start: StartFanOut) =>
  async (context: Context): Promise<Measured> => {
    const fanOut = await start(context, { answers, live: 0 });
    for (let answer = 0; answer < answers; answer += 1)
      await fanOut.producer.call('fill', { answer, count: events });
    const cursor = '1-0';
    await fanOut.client.call('open', {
      readersPerAnswer,
      atOnceMax: openingAtOnceMax,
      cursor,
      untilSeq: events,
    });
    const steady = residentBytes(fanOut.server.pid);
    await fanOut.client.call('close');
    await sleep(Math.min(seenGoneMsMax, 1_000));
    let peak = 0;
    const timer = setInterval(() => {
      peak = Math.max(peak, residentBytes(fanOut.server.pid));
    }, lookMs);
    const cpuBefore = fanOut.cpuMs();
    const times = await fanOut.client
      .call<number[]>('open', { readersPerAnswer, cursor, untilSeq: events })
      .finally(() => clearInterval(timer));
    const cpuAfter = fanOut.cpuMs();
    await stats(fanOut);
    return {
      value: Math.max(...times),
      p50: percentileOf(times, 0.5),
      peakPerSteady: peak / steady,
      peakMiB: peak / mebibyte,
      ...Object.fromEntries(
        Object.entries(cpuAfter).map(([name, ms]) => [`${name}CpuMs`, ms - (cpuBefore[name] ?? 0)]),
      ),
    };
  };

export const figure: Figure = {
  id: 'P11',
  title: '5,000 readers of 1,000 answers reconnect in one moment, each 100 events behind',
  unit: 'ms until the last one has all; peak memory by that of the steady state',
  goal: '≤ 2 × bare node:http that accepts as many and answers as many bytes; peak ≤ 1.5 × steady',
  sides: [
    { name: 'Holdfast', measure: measure(startHoldfast) },
    { name: 'bare node:http', measure: measure(startBare) },
  ],
  verdict: (medians) =>
    all(
      ratio('bare', medians['Holdfast']?.['value'], medians['bare node:http']?.['value'], { atMost: 2 }),
      ratio('steady memory', medians['Holdfast']?.['peakPerSteady'], 1, { atMost: 1.5 }),
    ),
};
