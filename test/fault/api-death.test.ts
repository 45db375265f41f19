/** Between the commit in Postgres and the job in Redis an API process can die, and Redis can be away: accepted means kept. */

import type { AcceptedMessage } from '@holdfast/shared/http/schemas.ts';
import { queuePrefix } from '@holdfast/shared/run-log/keys.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { ask, call, createConversation, getHistory, question } from '../support/ask.ts';
import { type ChaosProxy, startChaosProxy } from '../support/chaos-proxy.ts';
import { allEnd, expectOneEnd, firstUrl, patience, storedEnd, watch } from '../support/inspect.ts';
import { type ApiProcess, type Stack, startStack } from '../support/stack.ts';
import { openStore, pretendWorker } from '../support/waiting-line.ts';

let stack: Stack;
let base: string;
let store: Store;
/** Between the API process under test and Redis. */
let network: ChaosProxy;

beforeAll(async () => {
  stack = await startStack({ workers: 0 });
  base = firstUrl(stack);
  const redis = new URL(stack.env['REDIS_URL'] ?? '');
  network = await startChaosProxy({ target: { host: redis.hostname, port: Number(redis.port) } });
  // Where there is no worker, nothing is given to one, and the instant that is tested here would never come.
  store = openStore(stack, 1);
  await pretendWorker(store, 100);
});
afterAll(async () => {
  await store.destroy();
  await stack.stop();
  await network.stop();
});

const startApiBehindProxy = (): Promise<ApiProcess> => stack.startApi({ REDIS_URL: network.url('redis') });

it('a message whose API process died before it could wake a worker is answered, and the same Idempotency-Key finds it', async () => {
  const directive = { deltas: 10, seed: 31, key: 'orphan' };
  const conversation = await createConversation(base);
  const path = `/api/conversations/${conversation.id}/messages`;
  const body = { text: question(directive) };
  const headers = { 'idempotency-key': 'orphan-1' };
  const api = await startApiBehindProxy();
  await network.blackhole();
  // Settles as rejected: the process dies under it.
  const post = call(api.url, 'POST', path, body, headers).then(
    (reply) => reply.status,
    () => 'died',
  );
  let runId = '';
  await expect
    .poll(async () => {
      const { rows } = await stack.db.query(
        'select id from runs where conversation_id = $1 and dispatched_at is not null',
        [conversation.id],
      );
      runId = rows[0]?.id ?? '';
      return runId;
    }, patience)
    .not.toBe('');
  await api.kill();
  expect(await post).toBe('died');
  // What it had said to Redis is lost with it.
  network.reset();
  await network.pass();
  const keys = await stack.redis.keys(`${queuePrefix(stack.redisPrefix)}:runs:${runId}`);
  expect(keys, 'the job was not added').toEqual([]);

  const worker = await stack.startWorker();
  // Only then the repetition: it would wake a worker by itself.
  await storedEnd(stack, runId);
  const repeated = await call<AcceptedMessage>(base, 'POST', path, body, headers);
  expect(repeated.status).toBe(202);
  expect(repeated.body.run.id).toBe(runId);
  const records = await allEnd(watch([base], repeated.body.run));
  const { stored } = await expectOneEnd(stack, repeated.body.run, records);
  expect(stored).toMatchObject({ status: 'completed', attempt: 1 });
  expect(records[0]?.text).toBe(scriptedText(directive).join(''));
  expect((await getHistory(base, conversation.id)).messages).toHaveLength(2);
  expect(stack.upstream.journal().filter((entry) => entry.key === 'orphan')).toHaveLength(1);
  await worker.stop();
});

it('runs whose jobs are gone from the queue are answered all the same', async () => {
  const accepted = await Promise.all(
    [0, 1, 2, 3, 4].map((seed) => ask(base, question({ deltas: 5, seed, key: `jobless-${seed}` }))),
  );
  const queueKeys = () => stack.redis.keys(`${queuePrefix(stack.redisPrefix)}:*`);
  for (const { run } of accepted) {
    const job = expect.stringMatching(new RegExp(`:${run.id}$`));
    await expect.poll(queueKeys, patience).toContainEqual(job);
  }
  await stack.redis.del(...(await queueKeys()));

  const worker = await stack.startWorker();
  await Promise.all(
    accepted.map(async ({ run }, seed) => {
      const { stored } = await expectOneEnd(stack, run, await allEnd(watch([base], run)));
      expect(stored).toMatchObject({ status: 'completed', attempt: 1 });
      expect(stack.upstream.journal().filter((entry) => entry.key === `jobless-${seed}`)).toHaveLength(1);
    }),
  );
  await worker.stop();
});

it('while Redis cannot be reached nothing is taken and nothing stored; with the same key it is taken once Redis is back', async () => {
  const conversation = await createConversation(base);
  const path = `/api/conversations/${conversation.id}/messages`;
  const body = { text: question({ deltas: 5, seed: 33, key: 'refused' }) };
  const headers = { 'idempotency-key': 'refused-1' };
  const keysStored = async () => (await stack.db.query('select 1 from idempotency_keys')).rowCount;
  const keysBefore = await keysStored();
  const api = await startApiBehindProxy();
  const worker = await stack.startWorker();
  await network.refuse();
  network.reset();
  await expect.poll(async () => (await call(api.url, 'GET', '/readyz')).status, patience).toBe(503);

  const refused = await call(api.url, 'POST', path, body, headers);
  expect(refused).toMatchObject({ status: 503, body: { code: 'queue_unavailable' } });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(refused.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(await getHistory(base, conversation.id)).toEqual({ messages: [], activeRun: null, waitingRuns: [] });
  expect(await keysStored()).toBe(keysBefore);

  await network.pass();
  await expect.poll(async () => (await call(api.url, 'GET', '/readyz')).status, patience).toBe(200);
  const taken = await call<AcceptedMessage>(api.url, 'POST', path, body, headers);
  expect(taken.status).toBe(202);
  const again = await call<AcceptedMessage>(base, 'POST', path, body, headers);
  expect(again.body.run.id).toBe(taken.body.run.id);
  const records = await allEnd(watch([base, api.url], taken.body.run));
  await expectOneEnd(stack, taken.body.run, records);
  expect(stack.upstream.journal().filter((entry) => entry.key === 'refused')).toHaveLength(1);
  await Promise.all([worker.stop(), api.stop()]);
});
