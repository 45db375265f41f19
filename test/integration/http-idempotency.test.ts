/** The same intent sent more than once, to one process or several, is one message and one run. */
import type { AcceptedMessage, Conversation } from '@holdfast/shared/http/schemas.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask, call, createConversation, follow, getHistory, question } from '../support/ask.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let bases: string[];
beforeAll(async () => {
  stack = await startStack({ apis: 2 });
  bases = stack.apis.map((api) => api.url);
});
afterAll(() => stack.stop());

let keys = 0;
const newKey = () => `key-${keys++}-${'~!#$%&'.repeat(10)}`;

const post = (n: number, conversationId: string, text: string, key?: string, more: object = {}) =>
  call<AcceptedMessage & { code: string }>(
    bases[n % 2] ?? '',
    'POST',
    `/api/conversations/${conversationId}/messages`,
    { text, ...more },
    key === undefined ? {} : { 'idempotency-key': key },
  );

const reject = { whenBusy: 'reject' };

async function counts(conversationId: string): Promise<{ questions: number; runs: number }> {
  const count = async (table: string, condition: string) =>
    (
      await stack.db.query(
        `select count(*)::int as n from ${table} where conversation_id = $1 ${condition}`,
        [conversationId],
      )
    ).rows[0]?.n as number;
  return { questions: await count('messages', "and role = 'user'"), runs: await count('runs', '') };
}

it('20 posts at the same time over two processes are one message and one run, and all get the same answer', async () => {
  const { id } = await createConversation(bases[0] ?? '');
  const key = newKey();
  const text = question({ deltas: 5, seed: 71, key: 'asked once' });
  const replies = await Promise.all(Array.from({ length: 20 }, (_, n) => post(n, id, text, key)));
  for (const { status, body, headers } of replies) {
    expect(status).toBe(202);
    expect(body).toEqual(replies[0]?.body);
    expect(headers.get('location')).toBe(`/api/runs/${replies[0]?.body.run.id}`);
  }
  expect(await counts(id)).toEqual({ questions: 1, runs: 1 });
  const run = replies[0]?.body.run;
  if (run) await follow(bases, run);
  expect((await getHistory(bases[1] ?? '', id)).messages).toHaveLength(2);
  expect(stack.upstream.journal().filter((entry) => entry.key === 'asked once')).toHaveLength(1);
});

it('a repeat gets the first answer while the run is answered, and after it, and begins nothing', async () => {
  const { id } = await createConversation(bases[0] ?? '');
  const key = newKey();
  const text = question({ deltas: 10, seed: 72, intervalMs: 30 });
  const first = await post(0, id, text, key);
  const during = await post(1, id, text, key);
  await follow(bases, first.body.run);
  const after = await post(0, id, text, key);
  expect([first.status, during.status, after.status]).toEqual([202, 202, 202]);
  expect([during.body, after.body]).toEqual([first.body, first.body]);
  expect(await counts(id)).toEqual({ questions: 1, runs: 1 });
});

it('the same key for something else is refused: another text, another conversation, another route', async () => {
  const { id } = await createConversation(bases[0] ?? '');
  const other = await createConversation(bases[0] ?? '');
  const key = newKey();
  const { body } = await post(0, id, question({ deltas: 1 }), key);
  await follow(bases, body.run);
  const headers = { 'idempotency-key': key };
  const replies = [
    await post(1, id, 'something else', key),
    await post(1, other.id, question({ deltas: 1 }), key),
    await call<{ code: string }>(bases[1] ?? '', 'POST', '/api/conversations', {}, headers),
    await call<{ code: string }>(
      bases[1] ?? '',
      'POST',
      `/api/messages/${body.run.messageId}/regenerate`,
      {},
      headers,
    ),
  ];
  for (const reply of replies)
    expect([reply.status, reply.body.code]).toEqual([422, 'idempotency_key_reused']);
  expect(await counts(id)).toEqual({ questions: 1, runs: 1 });
  expect(await counts(other.id)).toEqual({ questions: 0, runs: 0 });
});

it('a key whose request was refused can be used again', async () => {
  const { id } = await createConversation(bases[0] ?? '');
  const first = await post(0, id, question({ deltas: 10, fault: 'stall', atDelta: 2 }));
  const key = newKey();
  const text = question({ deltas: 2, seed: 73 });
  const busy = await post(1, id, text, key, reject);
  expect([busy.status, busy.body.code]).toEqual([409, 'conversation_busy']);
  expect(busy.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  await call(bases[0] ?? '', 'POST', `/api/runs/${first.body.run.id}/cancel`);
  await follow(bases, first.body.run);
  const again = await post(0, id, text, key, reject);
  expect(again.status).toBe(202);
  await follow(bases, again.body.run);
  expect(await counts(id)).toEqual({ questions: 2, runs: 2 });
});

it('of 20 different posts at the same time over two processes that reject when busy, one is taken', async () => {
  const { id } = await createConversation(bases[0] ?? '');
  const replies = await Promise.all(
    Array.from({ length: 20 }, (_, n) =>
      post(n, id, question({ deltas: 5, seed: n, intervalMs: 200 }), newKey(), reject),
    ),
  );
  const taken = replies.filter((reply) => reply.status === 202);
  expect(taken).toHaveLength(1);
  for (const reply of replies) {
    if (reply.status !== 202) expect([reply.status, reply.body.code]).toEqual([409, 'conversation_busy']);
  }
  expect(await counts(id)).toEqual({ questions: 1, runs: 1 });
  for (const { body } of taken) await follow(bases, body.run);
});

it('a conversation and a regeneration are made once per key, too', async () => {
  const key = newKey();
  const create = (n: number) =>
    call<Conversation>(
      bases[n % 2] ?? '',
      'POST',
      '/api/conversations',
      { title: 'once' },
      { 'idempotency-key': key },
    );
  const made = await Promise.all(Array.from({ length: 10 }, (_, n) => create(n)));
  expect(new Set(made.map((reply) => `${reply.status} ${reply.body.id}`)).size).toBe(1);

  const { run } = await ask(bases[0] ?? '', question({ deltas: 2 }), made[0]?.body.id);
  await follow(bases, run);
  const again = newKey();
  const regenerate = (n: number) =>
    call<{ run: { id: string; eventsUrl: string } }>(
      bases[n % 2] ?? '',
      'POST',
      `/api/messages/${run.messageId}/regenerate`,
      {},
      { 'idempotency-key': again },
    );
  const runs = await Promise.all(Array.from({ length: 10 }, (_, n) => regenerate(n)));
  expect(new Set(runs.map((reply) => `${reply.status} ${reply.body.run.id}`)).size).toBe(1);
  const [first] = runs;
  if (first) await follow(bases, first.body.run);
  expect(await counts(run.conversationId)).toEqual({ questions: 1, runs: 2 });
});

it('what is stored of a key and its answer can be read by nobody who has not the key', async () => {
  const { id } = await createConversation(bases[0] ?? '');
  const key = newKey();
  const text = question({ deltas: 1, seed: 74 }, 'Between us.');
  const { body } = await post(0, id, text, key);
  await follow(bases, body.run);
  const { rows } = await stack.db.query<{ row: string }>(
    'select idempotency_keys::text as row from idempotency_keys order by created_at desc limit 1',
  );
  const [{ row } = { row: '' }] = rows;
  expect(row).not.toBe('');
  const responses = [
    row,
    Buffer.from(/"([A-Za-z0-9+/=]{40,})"/.exec(row)?.[1] ?? '', 'base64').toString('latin1'),
  ];
  for (const stored of responses) {
    for (const secret of [key, 'Between us', body.run.id]) expect(stored).not.toContain(secret);
  }
});
