import { all, type Figure, type Measured, ratio } from '../figure.ts';
import type { Context } from '../support/context.ts';
import { type StartFanOut, startBare, startHoldfast } from '../support/fan-out.ts';
import { loadAt } from '../support/load.ts';
import { residentBytes } from '../support/processes.ts';

const connections = 4_000;
/** Opened before the first look: code is compiled then, and pools are full. */
const warmUp = 500;
const openingAtOnceMax = 32;
const activeRate = 6_000;
const kibibyte = 1_024;

interface MemoryUsage {
  readonly heapUsed: number;
  readonly external: number;
}

const measure =
  (start: StartFanOut, answers: number) =>
  async (context: Context): Promise<Measured> => {
    const fanOut = await start(context, { answers });
    const look = async () => {
      const { heapUsed, external } = await fanOut.server.call<MemoryUsage>('memory');
      return { inUse: heapUsed + external, resident: residentBytes(fanOut.server.pid) };
    };
    const open = (from: number, to: number) =>
      fanOut.client.call('open', {
        readersPerAnswer: 1,
        atOnceMax: openingAtOnceMax,
        answers: Array.from({ length: to - from }, (_, place) => (from + place) % answers),
      });
    const all = context.quick ? 1_500 : connections;
    await open(0, warmUp);
    const before = await look();
    await open(warmUp, all);
    const idle = await look();
    await loadAt(fanOut, activeRate / Math.max(1, all / answers), context.quick ? 1 : 4);
    const active = await look();
    const each = (now: number, then: number) => (now - then) / (all - warmUp) / kibibyte;
    return {
      value: each(idle.resident, before.resident),
      idleInUse: each(idle.inUse, before.inUse),
      activeResident: each(active.resident, before.resident),
      activeInUse: each(active.inUse, before.inUse),
    };
  };

export const figure: Figure = {
  id: 'P8',
  title: 'memory of the API per idle event connection, 4,000 connections',
  unit: 'KiB resident after a collection; also: in use, and while 6,000 events/s flow',
  goal: '≤ 1.5 × bare node:http',
  sides: [
    { name: 'Holdfast, an answer each', measure: measure(startHoldfast, connections) },
    { name: 'Holdfast, 40 answers', measure: measure(startHoldfast, 40) },
    { name: 'bare node:http', measure: measure(startBare, connections) },
  ],
  verdict: (medians) =>
    all(
      ratio('bare', medians['Holdfast, an answer each']?.['value'], medians['bare node:http']?.['value'], {
        atMost: 1.5,
      }),
    ),
};
