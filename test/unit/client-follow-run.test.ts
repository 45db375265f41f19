import type { ServerResponse } from 'node:http';
import { expect, test } from 'vitest';
import { applyEvent, emptyAnswer } from '../../packages/client/src/apply-event.ts';
import { createBackoff } from '../../packages/client/src/backoff.ts';
import { ProblemError } from '../../packages/client/src/errors.ts';
import { type FollowOptions, type FollowState, followRun } from '../../packages/client/src/follow-run.ts';
import { beginEvents, completed, cursorsOf, delta, frame, refuse, serve, started } from './client-server.ts';

/** Waits of a millisecond at most: a test goes on as soon as its server does. */
const quick = () => createBackoff({ baseMs: 0, capMs: 1 });

async function collect(url: string, options: FollowOptions = {}) {
  const ids: string[] = [];
  let answer = { ...emptyAnswer, cursor: options.cursor ?? null };
  for await (const event of followRun(url, { backoff: quick(), ...options })) {
    ids.push(event.id);
    answer = applyEvent(answer, event);
  }
  return { ids, answer };
}

test('yields the events up to the terminal one and ends, though the server keeps the connection open', async () => {
  await using server = await serve((response) => {
    beginEvents(response);
    response.write(started + delta(1, 'Hold') + delta(2, 'fast') + completed(3));
  });
  const states: FollowState[] = [];
  const { ids, answer } = await collect(server.url, { onState: (state) => states.push(state) });
  expect(ids).toEqual(['1-0', '1-1', '1-2', '1-3']);
  expect(answer).toMatchObject({ text: 'Holdfast', status: 'completed' });
  expect(states).toEqual(['connecting', 'live']);
  expect(server.seen[0]?.headers).toMatchObject({ accept: 'text/event-stream' });
  expect(cursorsOf(server.seen)).toEqual([undefined]);
});

test('resumes by Last-Event-ID over any number of drops, each event once', async () => {
  const deltas = 40;
  await using server = await serve((response, number) => {
    beginEvents(response);
    if (number === deltas + 1) return void response.end(completed(deltas + 1));
    const next = number === 0 ? started : delta(number, `${number} `);
    // Every other connection is cut in the middle of the following event instead of ending cleanly.
    if (number % 2 === 0) return void response.end(next);
    response.write(`${next}id: 1-${number + 1}\nevent: delta\ndata: {"te`, () => response.destroy());
  });
  const { ids, answer } = await collect(server.url);
  expect(ids).toEqual(Array.from({ length: deltas + 2 }, (_, seq) => `1-${seq}`));
  expect(answer.text).toBe(Array.from({ length: deltas }, (_, at) => `${at + 1} `).join(''));
  expect(cursorsOf(server.seen)).toEqual([undefined, ...ids.slice(0, -1)]);
});

test('yields no event twice when the server repeats itself', async () => {
  await using server = await serve((response, number) => {
    beginEvents(response);
    const repeated = started + delta(1, 'a') + delta(2, 'b');
    response.end(number < 3 ? repeated : repeated + completed(3));
  });
  expect((await collect(server.url)).ids).toEqual(['1-0', '1-1', '1-2', '1-3']);
});

test('begins after the cursor that it is given', async () => {
  await using server = await serve((response) => {
    beginEvents(response);
    response.end(delta(7, 'x') + completed(8));
  });
  expect((await collect(server.url, { cursor: '1-6' })).ids).toEqual(['1-7', '1-8']);
  expect(cursorsOf(server.seen)).toEqual(['1-6']);
});

test('a cursor that no header may carry is left out instead of failing for ever', async () => {
  await using server = await serve((response) => {
    beginEvents(response);
    response.end(started + completed(1));
  });
  expect((await collect(server.url, { cursor: '1-6\n☃' })).ids).toEqual(['1-0', '1-1']);
  expect(cursorsOf(server.seen)).toEqual([undefined]);
});

test('a hole in the ids is not handed on: it asks again from before the hole', async () => {
  await using server = await serve((response, number) => {
    beginEvents(response);
    response.write(
      number === 0 ? started + delta(1, 'a') + delta(3, 'c') : delta(2, 'b') + delta(3, 'c') + completed(4),
    );
  });
  const { ids, answer } = await collect(server.url);
  expect(ids).toEqual(['1-0', '1-1', '1-2', '1-3', '1-4']);
  expect(answer.text).toBe('abc');
  expect(cursorsOf(server.seen)).toEqual([undefined, '1-1']);
});

test('a terminal event behind a hole is asked for once more, then accepted', async () => {
  await using server = await serve((response, number) => {
    beginEvents(response);
    response.write(number === 0 ? started + completed(5) : completed(5));
  });
  expect((await collect(server.url)).ids).toEqual(['1-0', '1-5']);
  expect(server.seen).toHaveLength(2);
});

test('an event type of a later version leaves no hole', async () => {
  await using server = await serve((response) => {
    beginEvents(response);
    response.write(
      `${started + frame('1-1', 'tool', {})}: heartbeat\n\nfoo: bar\n${delta(2, 'x')}${completed(3)}`,
    );
  });
  const { ids, answer } = await collect(server.url);
  expect(ids).toEqual(['1-0', '1-1', '1-2', '1-3']);
  expect(answer.text).toBe('x');
});

test('damaged data breaks the connection, not the answer', async () => {
  await using server = await serve((response, number) => {
    beginEvents(response);
    if (number === 0) response.write(`${started}id: 1-1\nevent: delta\ndata: {"text":\n\n`);
    else response.write(delta(1, 'whole') + completed(2));
  });
  expect((await collect(server.url)).answer.text).toBe('whole');
  expect(cursorsOf(server.seen)).toEqual([undefined, '1-0']);
});

test('characters that are split between packets arrive whole', async () => {
  const bytes = Buffer.from(started + delta(1, 'שלום 👩‍🚀') + completed(2));
  await using server = await serve(async (response) => {
    beginEvents(response);
    for (const byte of bytes) await new Promise((resolve) => response.write(Uint8Array.of(byte), resolve));
  });
  expect((await collect(server.url)).answer.text).toBe('שלום 👩‍🚀');
});

test('204 ends it', async () => {
  await using server = await serve((response) => response.writeHead(204).end());
  expect((await collect(server.url, { cursor: '1-9' })).ids).toEqual([]);
  expect(server.seen).toHaveLength(1);
});

test.each([500, 502, 503, 504, 429, 408, 425])('status %i is tried again', async (status) => {
  await using server = await serve((response, number) => {
    if (number < 2) return void response.writeHead(status, { 'retry-after': '0' }).end('<h1>no</h1>');
    beginEvents(response);
    response.write(started + completed(1));
  });
  expect((await collect(server.url)).ids).toEqual(['1-0', '1-1']);
});

test('too many connections are told at once, but not to who had one: it may be its own that is counted', async () => {
  const full = (response: ServerResponse) =>
    refuse(response, 429, 'too_many_connections', { 'retry-after': '3' });
  await using first = await serve(full);
  await expect(collect(first.url)).rejects.toMatchObject({
    code: 'too_many_connections',
    retryAfterMs: 3_000,
  });
  expect(first.seen).toHaveLength(1);
  await using later = await serve((response, number) => {
    if (number === 1) return full(response);
    beginEvents(response);
    response.end(number === 0 ? started : completed(1));
  });
  expect((await collect(later.url)).ids).toEqual(['1-0', '1-1']);
});

test('Retry-After reaches the back-off', async () => {
  await using server = await serve((response, number) => {
    response.writeHead(number === 0 ? 503 : 204, { 'retry-after': '7' }).end();
  });
  const asked: unknown[] = [];
  const backoff = { ...quick(), next: (ms?: number | null) => asked.push(ms) * 0 };
  await collect(server.url, { backoff });
  expect(asked).toEqual([7_000]);
});

test('the back-off begins anew only after a new event, and hears retry:', async () => {
  await using server = await serve((response, number) => {
    if (number === 3) return void response.writeHead(204).end();
    beginEvents(response);
    response.end(number === 0 ? started : ': nothing new\n\n');
  });
  const calls: string[] = [];
  await collect(server.url, {
    backoff: {
      next: () => calls.push('next') * 0,
      reset: () => calls.push('reset'),
      retry: (ms) => calls.push(`retry ${ms}`),
    },
  });
  expect(calls).toEqual(['retry 0', 'reset', 'next', 'retry 0', 'next', 'retry 0', 'next']);
});

test('a page in place of the event stream is tried again, whatever it holds', async () => {
  await using server = await serve((response, number) => {
    if (number === 0)
      return void response.writeHead(200, { 'content-type': 'text/html' }).end(started + delta(1, '<h1>'));
    beginEvents(response);
    response.write(started + completed(1));
  });
  expect((await collect(server.url)).answer.status).toBe('completed');
  expect(cursorsOf(server.seen)).toEqual([undefined, undefined]);
});

test('a refusal that waiting cannot mend is thrown with its problem', async () => {
  const problem = {
    type: 'about:blank',
    title: 'No',
    status: 404,
    code: 'run_not_found',
    detail: 'Gone.',
    requestId: 'q',
  };
  await using server = await serve((response) => {
    response.writeHead(404, { 'content-type': 'application/problem+json' }).end(JSON.stringify(problem));
  });
  const error = await collect(server.url).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(ProblemError);
  expect(error).toMatchObject({ status: 404, code: 'run_not_found', message: 'Gone.', problem });
  expect(server.seen).toHaveLength(1);
});

test('a refusal by something else than the API is thrown too', async () => {
  await using server = await serve((response) =>
    response.writeHead(403, { 'content-type': 'text/html' }).end('<p>'),
  );
  await expect(collect(server.url)).rejects.toMatchObject({ status: 403, code: 'http_403', problem: null });
});
