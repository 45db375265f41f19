import { all, below, type Figure, type Measured } from '../figure.ts';
import type { Context } from '../support/context.ts';
import { startHoldfast } from '../support/fan-out.ts';
import { stats } from '../support/load.ts';
import { residentBytes } from '../support/processes.ts';

const deltas = 50_000;
const bytesPerDelta = 200;
const lookMs = 20;
const mebibyte = 2 ** 20;
/** A page of history and a reader's queue, several times over; the answer itself would be more than 10 MB. */
const growthMiBMax = 32;

interface MemoryUsage {
  readonly heapUsed: number;
  readonly external: number;
}

async function measure(context: Context): Promise<Measured> {
  const fanOut = await startHoldfast(context, { answers: 2, live: 0, bytesPerEvent: bytesPerDelta });
  const { client, producer, server } = fanOut;
  // A short answer first: compiled code is not the memory of a long one.
  await producer.call('fill', { answer: 1, count: 5_000 });
  await client.call('open', { readersPerAnswer: 1, answers: [1], untilSeq: 5_000 });
  const inUse = async () => {
    const { heapUsed, external } = await server.call<MemoryUsage>('memory');
    return heapUsed + external;
  };
  const before = await inUse();
  const residentBefore = residentBytes(server.pid);
  let peak = 0;
  const timer = setInterval(() => {
    peak = Math.max(peak, residentBytes(server.pid));
  }, lookMs);
  const startedAt = performance.now();
  const arriving = client.call('open', { readersPerAnswer: 1, answers: [0], untilSeq: deltas });
  await producer.call('fill', { answer: 0, count: deltas });
  await arriving;
  const arrivedMs = performance.now() - startedAt;
  const resumes: number[] = [];
  for (let turn = 0; turn < 3; turn += 1)
    resumes.push(
      ...(await client.call<number[]>('open', { readersPerAnswer: 1, answers: [0], untilSeq: deltas })),
    );
  clearInterval(timer);
  await stats(fanOut);
  return {
    value: Math.max(...resumes),
    arrivedMs,
    inUseGrowthMiB: ((await inUse()) - before) / mebibyte,
    peakGrowthMiB: (peak - residentBefore) / mebibyte,
  };
}

export const figure: Figure = {
  id: 'P14',
  title: 'a 10 MB answer of 50,000 deltas: resumed from its beginning (slowest of 3)',
  unit: 'ms; also: ms until all had arrived live, MiB of the API',
  goal: 'arrives, resumes in < 1,000 ms, memory flat',
  sides: [{ name: 'Holdfast', measure }],
  verdict: (medians) =>
    all(
      below('resume', medians['Holdfast']?.['value'], 1_000, 'ms'),
      below('memory in use after it', medians['Holdfast']?.['inUseGrowthMiB'], 2, 'MiB'),
      below('peak', medians['Holdfast']?.['peakGrowthMiB'], growthMiBMax, 'MiB'),
    ),
};
