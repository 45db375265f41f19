/** Postgres is away while answers are written: what flows goes on flowing, and no end is lost or doubled. */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { ask, call, createConversation, follow, question } from '../support/ask.ts';
import { type ChaosProxy, startChaosProxy } from '../support/chaos-proxy.ts';
import {
  allEnd,
  deathsOf,
  expectOneEnd,
  holdEnd,
  patience,
  storedRun,
  twoUrls,
  underWay,
  watch,
} from '../support/inspect.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let bases: readonly [string, string];
let deaths: readonly string[];
/** Between all processes and Postgres; the tests themselves go past it. */
let network: ChaosProxy;

beforeAll(async () => {
  network = await startChaosProxy({ target: { host: '127.0.0.1', port: 9 } });
  stack = await startStack({
    apis: 2,
    workers: 2,
    env: { UPSTREAM_IDLE_MS: '60000' },
    postgresUrl(ownUrl) {
      const url = new URL(ownUrl);
      network.retarget({ host: url.hostname, port: Number(url.port) });
      url.hostname = '127.0.0.1';
      url.port = String(network.port);
      return url.href;
    },
  });
  bases = twoUrls(stack);
  deaths = deathsOf(stack);
});
afterEach(async () => {
  network.resume('reply');
  await network.pass();
  expect(deaths).toEqual([]);
});
afterAll(async () => {
  await stack?.stop();
  await network?.stop();
});

async function cutOff(): Promise<void> {
  await network.refuse();
  network.reset();
}

it('while Postgres is away, readers get the rest of the answer; its end comes after, once, and in the same attempt', async () => {
  const directive = { deltas: 120, intervalMs: 25, seed: 41 };
  const text = scriptedText(directive).join('');
  const conversation = await createConversation(bases[0]);
  const { run } = await ask(bases[0], question(directive));
  const readers = watch(bases, run, text);
  await underWay(readers[0]);
  const { rows } = await stack.db.query<{ at: Date }>('select now() as at');
  await cutOff();

  const startedAt = performance.now();
  const post = await call(bases[0], 'POST', `/api/conversations/${conversation.id}/messages`, {
    text: 'Hello',
  });
  expect(post).toMatchObject({ status: 503, body: { code: 'store_unavailable' } });
  expect(Number(post.headers.get('retry-after'))).toBeGreaterThan(0);
  const history = await call(bases[0], 'GET', `/api/conversations/${conversation.id}/messages`);
  expect(history).toMatchObject({ status: 503, body: { code: 'store_unavailable' } });
  expect((await call(bases[0], 'GET', '/readyz')).status).toBe(503);
  expect((await call(bases[0], 'GET', '/healthz')).status).toBe(200);
  expect(performance.now() - startedAt, 'a request hung').toBeLessThan(15_000);

  // Everything but the end, through the same connections.
  for (const reader of readers) await expect.poll(() => reader.record.text, patience).toBe(text);
  // Past the lease, so that only the fence could keep another worker out.
  await expect
    .poll(
      async () =>
        (await stack.db.query("select now() - $1::timestamptz > interval '4 seconds' as past", [rows[0]?.at]))
          .rows[0].past as boolean,
      patience,
    )
    .toBe(true);
  expect(await storedRun(stack, run.id)).toMatchObject({ status: 'running', attempt: 1 });
  expect(readers.map((reader) => reader.record.terminal)).toEqual([null, null]);
  await network.pass();

  const records = await allEnd(readers);
  const { stored } = await expectOneEnd(stack, run, records);
  expect(stored).toMatchObject({ status: 'completed', attempt: 1, crashes: 0 });
  expect(records.map((record) => record.connections.length)).toEqual([1, 1]);
  const after = await ask(bases[1], question({ deltas: 5 }));
  expect(await follow(bases, after.run)).toMatchObject({ violations: [], terminal: { type: 'completed' } });
});

it('the provider fails while Postgres is away: the retry comes when it is back, and nobody is taken for crashed', async () => {
  const directive = {
    deltas: 40,
    intervalMs: 40,
    seed: 42,
    fault: 'cut',
    times: 1,
    key: 'cut-in-outage',
  } as const;
  const text = scriptedText(directive).join('');
  const { run } = await ask(bases[0], question(directive));
  const readers = watch(bases, run, text);
  await underWay(readers[0], 5);
  await cutOff();
  const requests = () => stack.upstream.journal().filter((entry) => entry.key === 'cut-in-outage');
  await expect.poll(() => requests()[0]?.outcome, patience).toBe('fault');
  await expect.poll(async () => (await call(bases[0], 'GET', '/readyz')).status, patience).toBe(503);
  await network.pass();

  const { stored } = await expectOneEnd(stack, run, await allEnd(readers));
  expect(stored).toMatchObject({ status: 'completed', attempt: 2, crashes: 0, retries: 1 });
  expect(requests()).toHaveLength(2);
});

it('the end is stored but its confirmation is lost: the terminal event is written all the same, once', async () => {
  const directive = { deltas: 80, intervalMs: 25, seed: 43 };
  const { run } = await ask(bases[0], question(directive));
  const readers = watch(bases, run, scriptedText(directive).join(''));
  await underWay(readers[0]);

  // The statement that ends the run waits for the row that is locked here; when it goes on, its reply is lost.
  const goOn = await holdEnd(stack, run.id);
  network.pause('reply');
  await goOn();
  await expect.poll(async () => (await storedRun(stack, run.id)).status, patience).toBe('completed');
  network.reset();
  network.resume('reply');

  const { stored } = await expectOneEnd(stack, run, await allEnd(readers));
  expect(stored).toMatchObject({ status: 'completed', attempt: 1 });
});
