import { setTimeout as sleep } from 'node:timers/promises';
import { redisCommand } from '../../scripts/services/redis-wire.ts';
import { all, below, type Figure, type Measured } from '../figure.ts';
import type { Context } from '../support/context.ts';
import { cpuMs } from '../support/processes.ts';
import { startWholeHoldfast } from '../support/whole-path.ts';

const tokensPerSecond = 50;

/** Script calls so far: each append is one, and each is one round trip. What a script does inside is not counted. */
async function scriptCalls(port: number): Promise<number> {
  const info = await redisCommand(port, 'INFO commandstats', 5_000);
  return [...info.matchAll(/^cmdstat_eval(?:sha)?:calls=(\d+)/gm)].reduce(
    (sum, [, calls]) => sum + Number(calls),
    0,
  );
}

async function measure(context: Context, answers: number): Promise<Measured> {
  const seconds = context.quick ? 2 : 6;
  const redis = await context.redis();
  const { producer, worker } = await startWholeHoldfast(context, answers);

  async function during(rate: number): Promise<{ calls: number; tokens: number; workerMs: number }> {
    await producer.call('rate', rate);
    await sleep(500);
    const before = [
      await scriptCalls(redis.port),
      await producer.call<number>('tokens'),
      cpuMs([worker.pid]),
    ] as const;
    await sleep(seconds * 1_000);
    const calls = (await scriptCalls(redis.port)) - before[0];
    return {
      calls,
      tokens: (await producer.call<number>('tokens')) - before[1],
      workerMs: cpuMs([worker.pid]) - before[2],
    };
  }

  // The queue has scripts of its own, which run also when no token comes: they are no part of a token's price.
  const idle = await during(0);
  const busy = await during(answers * tokensPerSecond);
  return {
    value: Math.max(0, busy.calls - idle.calls) / busy.tokens,
    tokensPerSecond: busy.tokens / seconds,
    workerUs: (busy.workerMs * 1_000) / busy.tokens,
  };
}

export const figure: Figure = {
  id: 'P6',
  title: 'Redis commands sent by the worker for each chunk of the model',
  unit: 'commands per chunk; also: chunks/s, µs of the worker per chunk',
  goal: '≤ 1 with 1 answer at 50 chunks/s, ≤ 0.2 with 500 such answers in one worker',
  sides: [
    { name: '1 answer', measure: (context) => measure(context, 1) },
    { name: '500 answers', measure: (context) => measure(context, context.quick ? 100 : 500) },
  ],
  verdict: (medians) =>
    all(
      // A wakeup of the queue more or less in the window is not a command for a chunk.
      below('1 answer', medians['1 answer']?.['value'], 1.02, 'per chunk'),
      below('500 answers', medians['500 answers']?.['value'], 0.2, 'per chunk'),
    ),
};
