/** Figure 14: all processes are replaced, one after the other, under two hundred streams read by the client library. */
import { afterAll, expect, it } from 'vitest';
import { applyEvent, emptyAnswer } from '../../packages/client/src/apply-event.ts';
import { createClient } from '../../packages/client/src/client.ts';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import type { Child } from '../../scripts/services/process.ts';
import { ask, question } from '../support/ask.ts';
import { startChaosProxy } from '../support/chaos-proxy.ts';
import { expectOneEnd, patience } from '../support/inspect.ts';
import { type ApiProcess, startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';
import { sized, spread, startFigure } from './support/figure.ts';

const figure = startFigure(14);
afterAll(() => figure.conclude());

/** What an installation has that sets nothing. */
const defaults = {
  API_DRAIN_MS: '5000',
  WORKER_DRAIN_MS: '25000',
  WORKER_LEASE_MS: '5000',
  HEARTBEAT_MS: '10000',
};
/** 50 s: some answers are longer than the time that a worker is given to end them. */
const directive = { deltas: 250, intervalMs: 200 } as const;
const readersPerAnswer = 4;
const drainMsMax = 30_000;

it(`2 API processes and 2 workers are replaced under ${sized(200)} streams: no reader sees a fault, and all exit with 0`, async () => {
  const stack = await startStack({ apis: 2, workers: 2, env: { ...defaults, UPSTREAM_IDLE_MS: '60000' } });
  // Stands for the balancer, which is told by /readyz where new connections may go.
  const [firstApi] = stack.apis;
  const balancer = await startChaosProxy({
    target: { host: '127.0.0.1', port: Number(new URL(firstApi?.url ?? '').port) },
  });
  const send = (api: ApiProcess) =>
    balancer.retarget({ host: '127.0.0.1', port: Number(new URL(api.url).port) });
  const errors: string[] = [];
  let resets = 0;

  const answers = sized(200, 8) / readersPerAnswer;
  const asked = await Promise.all(
    Array.from({ length: answers }, async (_, seed) => ({
      ...(await ask(balancer.url(), question({ ...directive, seed }))),
      text: scriptedText({ ...directive, seed }).join(''),
    })),
  );
  const client = createClient({ baseUrl: balancer.url(), token: testUser.apiKey });
  /** As the page does: folds the events into an answer, and looks at it after each. */
  async function read({ run, text }: (typeof asked)[number]): Promise<void> {
    let answer = emptyAnswer;
    let lastId = '';
    const note = (what: string) => errors.push(`${run.id} after ${lastId}: ${what}`);
    try {
      for await (const event of client.followRun(run)) {
        if (event.id === lastId && event.type !== 'snapshot') note('an event came twice');
        if (event.type === 'snapshot') resets += 1;
        lastId = event.id;
        answer = applyEvent(answer, event);
        if (!text.startsWith(answer.text)) note('the text is no beginning of the answer');
      }
    } catch (error) {
      note(String(error));
    }
    if (answer.status !== 'completed' || answer.text !== text)
      note(`ended ${answer.status}, ${answer.text.length} of ${text.length}`);
  }
  const reading = asked.flatMap((each) => Array.from({ length: readersPerAnswer }, () => read(each)));
  await expect
    .poll(() => stack.upstream.journal().filter(({ deltasSent }) => deltasSent > 3).length, patience)
    .toBe(answers);

  const drainsMs: number[] = [];
  let badExits = 0;
  async function leave(process_: Child): Promise<void> {
    const since = performance.now();
    process.kill(process_.pid, 'SIGTERM');
    const { code } = await process_.exited;
    if (code !== 0) badExits += 1;
    drainsMs.push(performance.now() - since);
  }
  const startedAt = performance.now();
  let current: ApiProcess = stack.apis[0] as ApiProcess;
  // Both kinds at the same time: readers move while their answers do.
  await Promise.all([
    (async () => {
      for (const leaving of stack.apis) {
        current = await stack.startApi();
        send(current);
        await leave(leaving);
      }
    })(),
    (async () => {
      for (const leaving of stack.workers) {
        await stack.startWorker();
        await leave(leaving);
      }
    })(),
  ]);
  const seconds = (performance.now() - startedAt) / 1000;
  await Promise.all(reading);
  let wrongEnds = 0;
  for (const { run } of asked) {
    const ended = await expectOneEnd({ ...stack, apis: [current] }, run).catch((error: Error) => {
      console.info(error.message);
      return null;
    });
    if (ended?.stored.status !== 'completed' || ended.stored.crashes > 0) wrongEnds += 1;
  }
  for (const error of errors.slice(0, 5)) console.info(error);
  figure.note('streams, restart of everything', `${reading.length}, ${seconds.toFixed(0)} s`);
  figure.note('answers that began anew at another worker, as readers saw it', resets);
  figure.exactly('faults that a client saw', errors.length, 0);
  figure.exactly('answers without one good end', wrongEnds, 0);
  figure.note('SIGTERM to exit', spread(drainsMs));
  figure.atMost('SIGTERM to exit, longest', Math.max(...drainsMs), drainMsMax, 'ms');
  figure.exactly('exits with another code than 0', badExits, 0);
  await balancer.stop();
  await stack.stop();
}, 300_000);
