import { setTimeout as sleep } from 'node:timers/promises';
import { all, below, type Figure, type Measured } from '../figure.ts';
import { connectionsTo } from '../support/connections.ts';
import type { Context } from '../support/context.ts';
import { startWholeHoldfast } from '../support/whole-path.ts';

const tokensPerSecond = 10;

/** The most connections seen while `answers` are being written. */
async function measure(context: Context, answers: number): Promise<Measured> {
  const { port } = await context.redis();
  const { producer, server, worker } = await startWholeHoldfast(context, answers);
  await producer.call('rate', answers * tokensPerSecond);
  let api = 0;
  let ofWorker = 0;
  for (let look = 0; look < 20; look += 1) {
    await sleep(50);
    api = Math.max(api, connectionsTo(server.pid, port));
    ofWorker = Math.max(ofWorker, connectionsTo(worker.pid, port));
  }
  return { api, worker: ofWorker };
}

export const figure: Figure = {
  id: 'P5',
  title: 'Redis connections of an API process and of a worker, with 1 answer and with 500 under way',
  unit: 'connections',
  goal: 'as many with 500 as with 1; ≤ 5',
  sides: [
    { name: '1 answer', measure: (context) => measure(context, 1) },
    { name: '500 answers', measure: (context) => measure(context, context.quick ? 50 : 500) },
  ],
  verdict: (medians) => {
    const one = medians['1 answer'];
    const many = medians['500 answers'];
    const same = one?.['api'] === many?.['api'] && one?.['worker'] === many?.['worker'];
    return all(
      below('API', many?.['api'], 5, 'connections'),
      below('worker', many?.['worker'], 5, 'connections'),
      {
        words: same ? 'the same with one answer' : 'not the same with one answer',
        holds: one && many ? same : null,
      },
    );
  },
};
