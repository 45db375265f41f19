/** Public links: anyone who has one reads the branch that is shown, live, and nothing else; revoked, it leads nowhere. */
import type { AcceptedMessage } from '@holdfast/shared/http/schemas.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask, call, createConversation, follow, getHistory, question } from '../support/ask.ts';
import { twoUrls } from '../support/inspect.ts';
import { as, join, makePerson, nobody } from '../support/people.ts';
import { eventsOf, type Link, publicLinksAt } from '../support/public-links.ts';
import { openEventStream } from '../support/sse-reader.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';

let stack: Stack;
let here: string;
let there: string;
beforeAll(async () => {
  stack = await startStack({ apis: 2 });
  [here, there] = twoUrls(stack);
});
afterAll(() => stack.stop());

const { linkOf, read } = publicLinksAt(
  () => here,
  () => there,
);

it('an owner makes one link, finds it again and revokes it; one that is made later is another', async () => {
  const { id } = await createConversation(here);
  const path = `/api/conversations/${id}/public-link`;
  const none = await call<{ code: string }>(here, 'GET', path);
  expect([none.status, none.body.code]).toEqual([404, 'public_link_not_found']);
  const made = await Promise.all(
    Array.from({ length: 10 }, (_, n) => call<Link>(n % 2 ? here : there, 'PUT', path)),
  );
  const token = made[0]?.body.token ?? '';
  expect(token).toMatch(/^hfp_[\w-]{43}$/);
  for (const [n, { status, body }] of made.entries()) {
    expect([status, body]).toEqual([200, { token, url: `${n % 2 ? here : there}/#shared/${token}` }]);
  }
  expect((await call<Link>(there, 'GET', path)).body.token).toBe(token);
  expect((await call(here, 'DELETE', path)).status).toBe(204);
  expect((await call(here, 'DELETE', path)).status).toBe(204);
  expect((await call(here, 'GET', path)).status).toBe(404);
  const next = await linkOf(id);
  expect(next).toMatch(/^hfp_/);
  expect(next).not.toBe(token);
  expect([(await read(token)).status, (await read(next)).status]).toEqual([404, 200]);
});

it('it shows title and messages to anyone, and neither people, system prompt nor parameters', async () => {
  const ada = await makePerson(stack, 'Ada Lovelace');
  const { id } = await createConversation(here, {
    title: 'Open to all',
    systemPrompt: 'the secret instructions',
    parameters: { temperature: 0.123, stop: ['halt-word'] },
  });
  await join(here, id, ada, 'writer');
  const first = await as<AcceptedMessage>(ada, here, 'POST', `/api/conversations/${id}/messages`, {
    text: question({ deltas: 3, seed: 401 }),
  });
  await follow([here], first.body.run);
  const { run } = await ask(here, question({ deltas: 400, seed: 402, intervalMs: 250 }), id);
  const waiting = await ask(here, question({ deltas: 3, seed: 403 }), id);
  const token = await linkOf(id);

  const { status, headers, body } = await read(token);
  expect(status).toBe(200);
  expect(Object.fromEntries(headers)).toMatchObject({
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-robots-tag': 'noindex',
  });
  const { messages } = await getHistory(here, id);
  expect(messages).toHaveLength(4);
  expect(body).toEqual({
    title: 'Open to all',
    messages: messages.map((message) => ({
      id: message.id,
      parentId: message.parentId,
      role: message.role,
      text: message.text,
      runId: message.runId,
      status: message.status,
      failure: null,
      finishReason: message.finishReason,
      model: message.model,
      usage: message.usage,
      createdAt: message.createdAt,
    })),
    activeRun: {
      id: run.id,
      promptMessageId: run.promptMessageId,
      messageId: run.messageId,
      model: run.model,
      status: expect.stringMatching(/^(queued|running)$/),
      attempt: expect.any(Number),
      cancelRequested: false,
      failure: null,
      finishReason: null,
      usage: null,
      ...eventsOf(token, run.id),
      createdAt: run.createdAt,
      startedAt: body.activeRun?.startedAt,
      finishedAt: null,
    },
    waitingRuns: [expect.objectContaining({ id: waiting.run.id, ...eventsOf(token, waiting.run.id) })],
  });
  // Whatever fields there are: none of them holds any of this.
  const stream = await openEventStream(`${there}${eventsOf(token, first.body.run.id).eventsUrl}`, {
    headers: nobody,
  });
  const events: string[] = [];
  for await (const item of stream) events.push(JSON.stringify(item));
  for (const text of [JSON.stringify(body), ...events]) {
    for (const secret of [
      testUser.id,
      ada.id,
      'Ada',
      'Test user',
      'secret instructions',
      '0.123',
      'halt-word',
      id,
    ]) {
      expect(text).not.toContain(secret);
    }
  }
  // What a browser sends along makes no difference, not even a session that has ended.
  for (const each of [{ authorization: 'Bearer none' }, { cookie: 'holdfast_session=none' }, ada.headers]) {
    const reply = await call(here, 'GET', `/api/shared/${token}`, undefined, { ...nobody, ...each });
    expect([each, reply.status]).toEqual([each, 200]);
  }
  for (const each of [waiting.run, run]) await call(here, 'POST', `/api/runs/${each.id}/cancel`);
});

it('what is no public link, or leads to a deleted conversation, gets the same 404', async () => {
  const { id } = await createConversation(here);
  const token = await linkOf(id);
  const invitation = await call<{ token: string }>(here, 'POST', `/api/conversations/${id}/invitations`, {
    role: 'reader',
  });
  await stack.db.query('update conversations set deleted_at = now() where id = $1', [id]);
  const runId = '01990000-0000-7000-8000-000000000000';
  for (const each of [
    token,
    `hfp_${'x'.repeat(43)}`,
    invitation.body.token,
    testUser.apiKey,
    'none',
    '%00',
  ]) {
    for (const path of [`/api/shared/${each}`, `/api/shared/${each}/runs/${runId}/events`]) {
      const reply = await call<{ code: string }>(there, 'GET', path, undefined, nobody);
      expect([path, reply.status, reply.body.code]).toEqual([path, 404, 'public_link_not_found']);
    }
  }
});
