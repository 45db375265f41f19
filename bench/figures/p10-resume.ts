import { all, below, type Figure, type Measured, ratio } from '../figure.ts';
import type { Context } from '../support/context.ts';
import { type StartFanOut, startHoldfast, startResumed } from '../support/fan-out.ts';
import { percentileOf } from '../support/latencies.ts';

/** Answers that go on meanwhile, each with a reader and six events a second. */
const others = 500;
const othersRate = 3_000;
/** Answers that are resumed; each is this long. */
const resumed = 10;
const length = 10_000;
const behind = [100, 1_000, 10_000];
const resumesPerAnswer = 3;

async function timesOf(
  client: { call<T>(name: string, args: unknown): Promise<T> },
  first: number,
  cursor?: string,
) {
  const times: number[] = [];
  for (let turn = 0; turn < resumesPerAnswer; turn += 1) {
    for (let answer = first; answer < first + resumed; answer += 1) {
      const opening = { readersPerAnswer: 1, atOnceMax: 1, answers: [answer], untilSeq: length, cursor };
      times.push(...(await client.call<number[]>('open', opening)));
    }
  }
  return times;
}

async function measureBusy(context: Context): Promise<Measured> {
  const fanOut = await startHoldfast(context, { answers: others + resumed, live: others });
  for (let answer = others; answer < others + resumed; answer += 1)
    await fanOut.producer.call('fill', { answer, count: length });
  const live = Array.from({ length: others }, (_, answer) => answer);
  await fanOut.client.call('open', { readersPerAnswer: 1, atOnceMax: 32, answers: live });
  await fanOut.producer.call('rate', othersRate);
  const measured: Record<string, number> = {};
  for (const events of behind) {
    const times = await timesOf(fanOut.client, others, `1-${length - events}`);
    measured[`p95 ${events}`] = percentileOf(times, 0.95);
    measured[`p50 ${events}`] = percentileOf(times, 0.5);
  }
  return measured;
}

const measureIdle =
  (start: StartFanOut) =>
  async (context: Context): Promise<Measured> => {
    const fanOut = await start(context, { answers: resumed, live: 0 });
    for (let answer = 0; answer < resumed; answer += 1)
      await fanOut.producer.call('fill', { answer, count: length });
    const times = await timesOf(fanOut.client, 0);
    await fanOut.client.call('close');
    return { value: percentileOf(times, 0.5), p95: percentileOf(times, 0.95) };
  };

export const figure: Figure = {
  id: 'P10',
  title: 'resuming 100, 1,000 and 10,000 events behind, from the request to the last missed event',
  unit: 'ms',
  goal: '500 answers running: p95 ≤ 50, 60, 150 ms; idle, 10,000 behind: ≤ 1.5 × resumable-stream',
  sides: [
    { name: 'Holdfast, 500 others running', measure: measureBusy },
    { name: 'Holdfast, idle', measure: measureIdle(startHoldfast) },
    { name: 'resumable-stream, idle', measure: measureIdle(startResumed) },
  ],
  verdict(medians) {
    const busy = medians['Holdfast, 500 others running'];
    return all(
      below('100', busy?.['p95 100'], 50, 'ms'),
      below('1,000', busy?.['p95 1000'], 60, 'ms'),
      below('10,000', busy?.['p95 10000'], 150, 'ms'),
      ratio(
        'resumable-stream',
        medians['Holdfast, idle']?.['value'],
        medians['resumable-stream, idle']?.['value'],
        {
          atMost: 1.5,
        },
      ),
    );
  },
};
