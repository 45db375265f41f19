import { testUser } from '../../test/support/test-user.ts';
import { all, below, type Figure, type Measured } from '../figure.ts';
import type { Asked } from '../support/ask.ts';
import type { Context } from '../support/context.ts';
import { startApi } from '../support/holdfast.ts';
import { percentileOf } from '../support/latencies.ts';
import { startUpstream, startWorker } from '../support/whole-path.ts';

const warmUp = 50;
const questions = 300;

async function measure(context: Context): Promise<Measured> {
  const upstream = await startUpstream(context, { BENCH_INSTANT: '1' });
  const [api] = await Promise.all([startApi(context), startWorker(context, upstream, 100)]);
  const file = new URL('../roles/client.ts', import.meta.url).pathname;
  const client = await context.role({ name: 'The client', file });
  const asked: Asked[] = [];
  for (let turn = 0; turn < warmUp + (context.quick ? 50 : questions); turn += 1) {
    const once = await client.call<Asked>('ask', { base: api.url, headers: testUser.headers, text: 'bench' });
    if (turn >= warmUp) asked.push(once);
  }
  const part = (of: (each: Asked) => number, at: number) => percentileOf(asked.map(of), at);
  return {
    p50: part((each) => each.firstEventMs, 0.5),
    p99: part((each) => each.firstEventMs, 0.99),
    acceptedP50: part((each) => each.acceptedMs, 0.5),
    textP50: part((each) => each.firstTextMs, 0.5),
    textP99: part((each) => each.firstTextMs, 0.99),
  };
}

export const figure: Figure = {
  id: 'P12',
  title: 'POST to the first byte of the first event, idle system, upstream answers at once',
  unit: 'ms; also: until the POST is answered, until the first text',
  goal: 'p50 ≤ 15 ms, p99 ≤ 50 ms',
  sides: [{ name: 'Holdfast', measure }],
  verdict: (medians) =>
    all(
      below('p50', medians['Holdfast']?.['p50'], 15, 'ms'),
      below('p99', medians['Holdfast']?.['p99'], 50, 'ms'),
    ),
};
