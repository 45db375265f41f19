/** Several members in one conversation: all follow the same answers, each may do what their role allows. */
import type { AcceptedMessage, RunView } from '@holdfast/shared/http/schemas.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { ask, call, createConversation, follow, getHistory, getRun, question } from '../support/ask.ts';
import { patience, twoUrls } from '../support/inspect.ts';
import { as, join, makePerson, nobody, recorded } from '../support/people.ts';
import { followRun } from '../support/recorder.ts';
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

it('two members follow the same run on two processes and record the same events; it counts for the one who asked', async () => {
  const ada = await makePerson(stack, 'Ada');
  const { id } = await createConversation(here);
  await join(here, id, ada, 'writer');
  await stack.db.query('delete from user_events where conversation_id = $1', [id]);
  const directive = { deltas: 40, seed: 301, intervalMs: 20 };
  const asked = await as<AcceptedMessage>(ada, there, 'POST', `/api/conversations/${id}/messages`, {
    text: question(directive),
  });
  expect(asked.status).toBe(202);
  const { message, run } = asked.body;
  const url = (base: string) => `${base}${run.eventsUrl}`;
  const readers = [
    followRun({ bases: [here], url }),
    followRun({ bases: [there], url, headers: ada.headers }),
    // One who moves from process to process.
    followRun({ bases: [here, there], url, headers: ada.headers, cutAfter: (n) => (n < 4 ? 600 : null) }),
  ];
  await Promise.all(readers.map(({ done }) => done));
  for (const { record } of readers) {
    expect(record.violations).toEqual([]);
    expect(record.text).toBe(scriptedText(directive).join(''));
    expect(record.ids).toEqual(readers[0]?.record.ids);
    expect(record.terminal).toEqual(readers[0]?.record.terminal);
  }

  const { messages } = await getHistory(here, id);
  expect(messages).toMatchObject([
    { id: message.id, authorId: ada.id },
    { id: run.messageId, authorId: null },
  ]);
  expect(await getRun(here, run.id)).toMatchObject({ userId: ada.id, status: 'completed' });
  const { rows } = await stack.db.query('select user_id from run_attempts where run_id = $1', [run.id]);
  expect(rows).toEqual([{ user_id: ada.id }]);
  // Both were told the same, in the same order.
  const told = await recorded(stack, ada.id, id);
  expect(told).toEqual([
    { type: 'message.added', subject: message.id },
    { type: 'run.queued', subject: run.id },
    { type: 'run.started', subject: run.id },
    { type: 'run.ended', subject: run.id },
  ]);
  expect(await recorded(stack, testUser.id, id)).toEqual(told);
});

it('a writer stops the run of another member, who sees it end', async () => {
  const ada = await makePerson(stack, 'Ada');
  const { id } = await createConversation(here);
  await join(here, id, ada, 'writer');
  const { run } = await ask(here, question({ deltas: 10, fault: 'stall', atDelta: 2 }), id);
  const following = followRun({ bases: [here], url: (base) => `${base}${run.eventsUrl}` });
  await expect.poll(() => following.record.text.length, patience).toBeGreaterThan(0);
  expect((await as(ada, there, 'POST', `/api/runs/${run.id}/cancel`)).status).toBe(202);
  await following.done;
  expect(following.record.terminal?.type).toBe('cancelled');
});

it('a reader sees everything and changes nothing: 403 for asking, editing, regenerating and stopping', async () => {
  const ada = await makePerson(stack, 'Ada');
  const { id } = await createConversation(here);
  await join(here, id, ada, 'reader');
  const { message, run } = await ask(here, question({ deltas: 5, fault: 'stall', atDelta: 2 }), id);
  const refusals = [
    ['POST', `/api/conversations/${id}/messages`, { text: 'May I?' }],
    ['POST', `/api/messages/${message.id}/edit`, { text: 'May I?' }],
    ['POST', `/api/messages/${message.id}/regenerate`, {}],
    ['POST', `/api/runs/${run.id}/cancel`],
    ['POST', `/api/conversations/${id}/invitations`, { role: 'reader' }],
    ['GET', `/api/conversations/${id}/invitations`],
    ['PUT', `/api/conversations/${id}/public-link`],
    ['GET', `/api/conversations/${id}/public-link`],
  ] as const;
  for (const [method, path, body] of refusals) {
    const reply = await as(ada, there, method, path, body);
    expect([path, reply.status, reply.body.code]).toEqual([path, 403, 'forbidden']);
  }
  for (const path of [
    `/api/conversations/${id}`,
    `/api/conversations/${id}/messages`,
    `/api/runs/${run.id}`,
  ]) {
    expect([path, (await as(ada, there, 'GET', path)).status]).toEqual([path, 200]);
  }
  expect(await getRun(here, run.id)).toMatchObject({ cancelRequested: false });
  await call(here, 'POST', `/api/runs/${run.id}/cancel`);
  const record = await follow([there], run, { headers: ada.headers });
  expect(record.terminal?.type).toBe('cancelled');
  expect((await getHistory(here, id)).messages.map(({ id: each }) => each)).toEqual([
    message.id,
    run.messageId,
  ]);
});

it('who is removed in the middle of an answer is cut off from it, gets 404 for everything, and disturbs nobody', async () => {
  const ada = await makePerson(stack, 'Ada');
  const { id } = await createConversation(here);
  await join(here, id, ada, 'writer');
  const { message, run } = await ask(here, question({ deltas: 400, seed: 302, intervalMs: 250 }), id);
  const owner = followRun({ bases: [there], url: (base) => `${base}${run.eventsUrl}` });
  const stream = await openEventStream(`${there}${run.eventsUrl}`, { headers: ada.headers });
  const ticket = await as<{ eventsUrl: string }>(ada, here, 'POST', `/api/runs/${run.id}/tickets`);
  const byTicket = await openEventStream(`${here}${ticket.body.eventsUrl}`, { headers: nobody });
  expect(byTicket.status).toBe(200);
  let cursor: string | null = null;
  const reading = (async () => {
    for await (const item of stream) if (item.kind === 'event') cursor = item.id ?? cursor;
  })();
  await expect.poll(() => cursor, patience).not.toBe(null);

  expect((await call(here, 'DELETE', `/api/conversations/${id}/members/${ada.id}`)).status).toBe(204);
  // By the server, cleanly, and long before the five minutes that a connection may live.
  expect([await stream.ended, await byTicket.ended]).toEqual(['eof', 'eof']);
  await reading;
  expect(await getRun(here, run.id)).toMatchObject({ status: 'running' });

  const lastEventId = { 'last-event-id': String(cursor) };
  for (const base of [here, there]) {
    for (const target of [run.eventsUrl, `${run.eventsUrl}?cursor=${cursor}`]) {
      for (const headers of [ada.headers, { ...ada.headers, ...lastEventId }]) {
        const again = await openEventStream(`${base}${target}`, { headers });
        expect([again.status, JSON.parse(again.body)]).toMatchObject([404, { code: 'run_not_found' }]);
      }
    }
  }
  const again = await openEventStream(`${there}${ticket.body.eventsUrl}`, { headers: nobody });
  expect([again.status, JSON.parse(again.body)]).toMatchObject([404, { code: 'run_not_found' }]);
  const refusals = [
    ['GET', `/api/conversations/${id}`, undefined, 'conversation_not_found'],
    ['GET', `/api/conversations/${id}/messages`, undefined, 'conversation_not_found'],
    ['POST', `/api/conversations/${id}/messages`, { text: 'Still here?' }, 'conversation_not_found'],
    ['POST', `/api/messages/${message.id}/edit`, { text: 'Still here?' }, 'message_not_found'],
    ['POST', `/api/messages/${message.id}/regenerate`, {}, 'message_not_found'],
    ['GET', `/api/runs/${run.id}`, undefined, 'run_not_found'],
    ['POST', `/api/runs/${run.id}/cancel`, undefined, 'run_not_found'],
  ] as const;
  for (const [method, path, body, code] of refusals) {
    const reply = await as(ada, there, method, path, body);
    expect([path, reply.status, reply.body.code]).toEqual([path, 404, code]);
  }
  // The other member's connection is the one that it was, and the answer goes on in it, to its end.
  const before = owner.record.ids.length;
  await expect.poll(() => owner.record.ids.length, patience).toBeGreaterThan(before);
  await call(here, 'POST', `/api/runs/${run.id}/cancel`);
  await owner.done;
  expect(owner.record.connections).toHaveLength(1);
  expect([owner.record.violations, owner.record.terminal?.type]).toEqual([[], 'cancelled']);
});

it('what a member has asked is answered although they were removed meanwhile, and stays', async () => {
  const ada = await makePerson(stack, 'Ada');
  const { id } = await createConversation(here);
  await join(here, id, ada, 'writer');
  const asked = await as<{ run: RunView }>(ada, there, 'POST', `/api/conversations/${id}/messages`, {
    text: question({ deltas: 10, seed: 303, intervalMs: 50 }),
  });
  expect((await call(here, 'DELETE', `/api/conversations/${id}/members/${ada.id}`)).status).toBe(204);
  const record = await follow([here, there], asked.body.run);
  expect(record.terminal?.type).toBe('completed');
  expect((await getHistory(here, id)).messages).toMatchObject([
    { authorId: ada.id },
    { status: 'completed' },
  ]);
  const told = (await recorded(stack, ada.id, id)).map(({ type }) => type);
  expect(told.at(-1)).toBe('conversation.removed');
});
