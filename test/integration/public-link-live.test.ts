/** Behind a public link: answers are followed live as members follow them, until the link is revoked. */
import type { AcceptedMessage } from '@holdfast/shared/http/schemas.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { ask, call, createConversation, follow, question } from '../support/ask.ts';
import { patience, twoUrls } from '../support/inspect.ts';
import { nobody } from '../support/people.ts';
import { eventsOf, publicLinksAt } from '../support/public-links.ts';
import { followRun } from '../support/recorder.ts';
import { openEventStream } from '../support/sse-reader.ts';
import { type Stack, startStack } from '../support/stack.ts';

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

it('its events are those of the run, live, with the same cursors and the same end', async () => {
  const { id } = await createConversation(here);
  const token = await linkOf(id);
  const directive = { deltas: 40, seed: 404, intervalMs: 20 };
  const { run } = await ask(here, question(directive), id);
  const shared = (await read(token)).body.activeRun;
  expect(shared?.id).toBe(run.id);
  const eventsUrl = shared?.eventsUrl ?? '';
  const member = followRun({ bases: [here], url: (base) => `${base}${run.eventsUrl}` });
  const visitor = followRun({
    bases: [there, here],
    url: (base) => `${base}${eventsUrl}`,
    headers: nobody,
    cutAfter: (n) => (n < 4 ? 500 : null),
    confirmEnd: true,
  });
  await Promise.all([member.done, visitor.done]);
  for (const { record } of [member, visitor]) {
    expect(record.violations).toEqual([]);
    expect(record.text).toBe(scriptedText(directive).join(''));
  }
  expect(visitor.record.ids).toEqual(member.record.ids);
  expect(visitor.record.connections.length).toBeGreaterThan(2);
  expect(visitor.record.connections.at(-1)?.status).toBe(204);

  const open = (query: string, headers: Record<string, string> = {}) =>
    openEventStream(`${there}${eventsUrl}${query}`, { headers: { ...nobody, ...headers } });
  const wrong = await open('?cursor=none');
  expect([wrong.status, JSON.parse(wrong.body)]).toMatchObject([400, { code: 'invalid_cursor' }]);
  const lost = await open('', { 'last-event-id': 'none' });
  const names: string[] = [];
  for await (const item of lost) if (item.kind === 'event') names.push(item.event);
  expect(names).toEqual(['snapshot', 'completed']);
  expect(lost.headers).toMatchObject({
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
    'referrer-policy': 'no-referrer',
    'x-robots-tag': 'noindex',
  });
  expect((await call(here, 'HEAD', eventsUrl, undefined, nobody)).status).toBe(404);
});

it('it opens the runs of the branch that is shown: none of another branch, another conversation, or unknown', async () => {
  const { id } = await createConversation(here);
  const token = await linkOf(id);
  const hidden = await ask(here, question({ deltas: 3, seed: 405 }), id);
  await follow([here], hidden.run);
  const status = async (runId: string) => {
    const stream = await openEventStream(`${there}${eventsOf(token, runId).eventsUrl}`, { headers: nobody });
    stream.cut();
    return [stream.status, stream.body === '' ? '' : (JSON.parse(stream.body) as { code: string }).code];
  };
  expect(await status(hidden.run.id)).toEqual([200, '']);
  const edited = await call<AcceptedMessage>(here, 'POST', `/api/messages/${hidden.message.id}/edit`, {
    text: question({ deltas: 400, seed: 406, intervalMs: 250 }),
  });
  const { run } = edited.body;
  expect(await status(run.id)).toEqual([200, '']);
  const { body } = await read(token);
  expect(body.messages.map((message) => message.id)).toEqual([edited.body.message.id]);
  expect([body.activeRun?.id, body.waitingRuns]).toEqual([run.id, []]);

  const elsewhere = await ask(here, question({ deltas: 3, seed: 407 }));
  const unknown = '01990000-0000-7000-8000-000000000000';
  for (const runId of [hidden.run.id, elsewhere.run.id, unknown, 'none', '%00']) {
    expect([runId, ...(await status(runId))]).toEqual([runId, 404, 'run_not_found']);
  }
  // A run of a branch that nobody is shown is not told either.
  await stack.db.query('update conversations set leaf_id = $2 where id = $1', [id, hidden.run.messageId]);
  expect((await read(token)).body).toMatchObject({
    messages: [{ id: hidden.message.id }, { id: hidden.run.messageId }],
    activeRun: null,
    waitingRuns: [],
  });
  await call(here, 'POST', `/api/runs/${run.id}/cancel`);
});

it('revoked, it is gone at once, also for those who are reading; members read on', async () => {
  const { id } = await createConversation(here);
  const token = await linkOf(id);
  const { run } = await ask(here, question({ deltas: 400, seed: 408, intervalMs: 250 }), id);
  const { eventsUrl } = eventsOf(token, run.id);
  const member = followRun({ bases: [there], url: (base) => `${base}${run.eventsUrl}` });
  const stream = await openEventStream(`${there}${eventsUrl}`, { headers: nobody });
  let cursor: string | null = null;
  const reading = (async () => {
    for await (const item of stream) if (item.kind === 'event') cursor = item.id ?? cursor;
  })();
  await expect.poll(() => cursor, patience).not.toBe(null);

  expect((await call(here, 'DELETE', `/api/conversations/${id}/public-link`)).status).toBe(204);
  const gone = await read(token);
  expect([gone.status, gone.body.code]).toEqual([404, 'public_link_not_found']);
  expect(gone.headers.get('x-robots-tag')).toBe('noindex');
  // By the server, cleanly, and long before the five minutes that a connection may live.
  expect(await stream.ended).toBe('eof');
  await reading;
  for (const headers of [nobody, { ...nobody, 'last-event-id': String(cursor) }]) {
    const again = await openEventStream(`${here}${eventsUrl}`, { headers });
    expect([again.status, JSON.parse(again.body)]).toMatchObject([404, { code: 'public_link_not_found' }]);
  }
  const before = member.record.ids.length;
  await expect.poll(() => member.record.ids.length, patience).toBeGreaterThan(before);
  await call(here, 'POST', `/api/runs/${run.id}/cancel`);
  await member.done;
  expect([member.record.connections.length, member.record.terminal?.type]).toEqual([1, 'cancelled']);
});
