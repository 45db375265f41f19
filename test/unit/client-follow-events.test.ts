import { expect, test } from 'vitest';
import { createBackoff } from '../../packages/client/src/backoff.ts';
import { createClient } from '../../packages/client/src/client.ts';
import { ProblemError } from '../../packages/client/src/errors.ts';
import {
  type FollowEventsOptions,
  followEvents,
  type ReceivedLiveEvent,
} from '../../packages/client/src/follow-events.ts';
import { beginEvents, cursorsOf, frame, serve } from './client-server.ts';

const quick = () => createBackoff({ baseMs: 0, capMs: 1 });

/** Collects events until there are `count`. */
async function collect(url: string, count: number, options: FollowEventsOptions = {}) {
  const events: ReceivedLiveEvent[] = [];
  for await (const event of followEvents(url, { backoff: quick(), ...options })) {
    events.push(event);
    if (events.length === count) break;
  }
  return events;
}

const removed = (id: string) => frame(id, 'conversation.removed', { conversationId: 'c' });

test('goes on behind the last event over any number of drops, and says where it stands', async () => {
  await using server = await serve((response, number) => {
    beginEvents(response);
    const before = number === 0 ? 40 : 40 + number;
    response.write(frame(String(before), 'ready', {}));
    // Every other connection is cut in the middle of the following event instead of ending cleanly.
    const next = removed(String(before + 1));
    if (number % 2 === 0) response.end(next);
    else response.write(`${next}id: 99\nevent: conversation.re`, () => response.destroy());
  });
  const events = await collect(server.url, 20);
  expect(events.filter(({ type }) => type !== 'ready').map(({ cursor }) => cursor)).toEqual(
    Array.from({ length: 10 }, (_, n) => String(41 + n)),
  );
  expect(cursorsOf(server.seen).slice(0, 4)).toEqual([undefined, '41', '42', '43']);
});

test('begins again where the first event told, when it was cut before anything else came', async () => {
  await using server = await serve((response) => {
    beginEvents(response);
    response.end(frame('7', 'ready', {}));
  });
  await collect(server.url, 2);
  expect(cursorsOf(server.seen)).toEqual([undefined, '7']);
});

test('these events have no end: a 204, whoever answers it, is no reason to stop, nor to ask at once', async () => {
  await using server = await serve((response, number) => {
    if (number < 2) return void response.writeHead(204).end();
    beginEvents(response);
    response.write(frame('7', 'ready', {}));
  });
  let waits = 0;
  const backoff = { ...quick(), next: () => Number(++waits) };
  const events = await collect(server.url, 1, { backoff });
  expect(events).toHaveLength(1);
  expect(waits).toBe(2);
});

test('asks for the run events of conversations, and hands them on as events of a run', async () => {
  await using server = await serve((response) => {
    beginEvents(response);
    const data = { conversationId: 'c', runId: 'r', id: '1-1', type: 'delta', data: { text: 'Hold' } };
    response.write(frame('7', 'ready', {}) + frame('7~r.1-1', 'run.event', data));
  });
  const [, event] = await collect(server.url, 2, { follow: ['c', 'd'] });
  expect(server.seen[0]?.url).toBe('/?follow=c,d');
  expect(event).toEqual({
    type: 'run.event',
    data: {
      conversationId: 'c',
      runId: 'r',
      event: { id: '1-1', type: 'delta', data: { text: 'Hold' } },
    },
    cursor: '7~r.1-1',
  });
});

test('an event without an id leaves the cursor where it was; one of a later version is passed over', async () => {
  await using server = await serve((response) => {
    beginEvents(response);
    const position = { conversationId: 'c', runId: 'r', position: 2, estimatedMs: null };
    const data = JSON.stringify(position);
    response.write(
      `${frame('7', 'ready', {})}event: run.position\ndata: ${data}\n\n${frame('8', 'future', {})}${removed('9')}`,
    );
  });
  const events = await collect(server.url, 3);
  expect(events.map(({ type, cursor }) => [type, cursor])).toEqual([
    ['ready', '7'],
    ['run.position', '7'],
    ['conversation.removed', '9'],
  ]);
});

test('damaged data is asked for again', async () => {
  await using server = await serve((response, number) => {
    beginEvents(response);
    response.write(frame('7', 'ready', {}));
    if (number === 0) response.write('id: 8\nevent: conversation.removed\ndata: {"conv\n\n');
    else response.write(removed('8'));
  });
  const events = await collect(server.url, 3);
  expect(events.map(({ type }) => type)).toEqual(['ready', 'ready', 'conversation.removed']);
  expect(cursorsOf(server.seen)).toEqual([undefined, '7']);
});

test('a server that takes connections and drops them is asked less and less often', async () => {
  await using server = await serve((response) => {
    beginEvents(response);
    response.end(frame('7', 'ready', {}));
  });
  let resets = 0;
  const reset = () => {
    resets += 1;
  };
  const backoff = { ...quick(), reset };
  await collect(server.url, 5, { backoff });
  expect(resets).toBe(0);
});

test('a refusal that waiting cannot mend ends it', async () => {
  await using server = await serve((response) => {
    response.writeHead(404, { 'content-type': 'application/problem+json' });
    response.end(JSON.stringify({ code: 'conversation_not_found', title: 'No', detail: 'No' }));
  });
  const client = createClient({ baseUrl: server.url, createBackoff: quick });
  const events = client.events({ follow: ['c'] });
  await expect(events.next()).rejects.toBeInstanceOf(ProblemError);
  expect(server.seen.map(({ url }) => url)).toEqual(['/api/events?follow=c']);
});
