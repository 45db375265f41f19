import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { randomBytes, startChaosProxy } from '../support/chaos-proxy.ts';
import { followWithEventSource } from '../support/clients/eventsource.ts';
import {
  deltaFrame as delta,
  type EventHandler,
  type EventServer,
  eventFrame as frame,
  openEvents as open,
  startEventServer,
} from '../support/event-server.ts';
import { type FollowOptions, followRun } from '../support/recorder.ts';

let server: EventServer;

beforeEach(async () => {
  server = await startEventServer();
});
afterEach(() => server.stop());

const started = frame('1-0', 'started', { runId: 'r', model: 'm' });

/** A whole run: what was said, 100 deltas that have two bytes per character, the end. */
const pieces = Array.from({ length: 100 }, (_, n) => `ä${n} `);
const log = [
  started,
  ...pieces.map((text, n) => delta(`1-${n + 1}`, text)),
  frame('1-101', 'completed', { messageId: 'm' }),
];

/** Answers as the protocol demands: what is after the cursor, then the end; 204 at the terminal event. */
const serveLog: EventHandler = (cursor, response) => {
  const from = cursor === null ? 0 : Number(cursor.split('-')[1]) + 1;
  if (from === log.length) return void response.writeHead(204).end();
  open(response).end(`retry: 1\n\n: hello\n\n${log.slice(from).join('')}`);
};

const follow = (options: Partial<FollowOptions> = {}) =>
  followRun({ url: (origin) => `${origin}/run`, bases: [server.base], retryMsMax: 1, ...options });

/** What is recorded of one connection that brings this and then nothing more. */
async function recorded(body: string, options: Partial<FollowOptions> = {}) {
  server.handle = (_, response) => open(response).end(body);
  const following = follow({ connectionsMax: 1, ...options });
  await following.done;
  return following.record;
}

describe('a recorder', () => {
  it.each(['header', 'query'] as const)(
    'assembles the text over many cuts, cursor by %s',
    async (cursorBy) => {
      server.handle = serveLog;
      const cutAfter = randomBytes({ seed: 4, min: 40, max: 900 });
      const following = follow({ cursorBy, cutAfter, confirmEnd: true, bases: [server.base, server.base] });
      expect(await following.done).toBe('terminal');
      const { record } = following;
      expect(record.text).toBe(pieces.join(''));
      expect(record.ids).toEqual(log.map((_, n) => `1-${n}`));
      expect(record.violations).toEqual([]);
      expect(record.terminal).toEqual({ type: 'completed', id: '1-101', data: { messageId: 'm' } });
      expect(record.connections.length).toBeGreaterThan(5);
      expect(record.connections.filter(({ end }) => end === 'cut').length).toBeGreaterThan(3);
      expect(record.connections.at(-1)).toMatchObject({ status: 204, cursor: '1-101' });
    },
  );

  it('goes to the next server when one is dead or failing', async () => {
    server.handle = (cursor, response, request) =>
      request.url === '/run?failing'
        ? void response.writeHead(503).end()
        : serveLog(cursor, response, request);
    const dead = await startChaosProxy({ target: { host: '127.0.0.1', port: 1 } });
    await dead.stop();
    const following = follow({
      bases: [dead.url(), `${server.base}/run?failing`, `${server.base}/run`],
      url: (origin) => origin,
    });
    expect(await following.done).toBe('terminal');
    expect(following.record.connections).toMatchObject([
      { status: null, end: 'ECONNREFUSED' },
      { status: 503 },
      { status: 200, end: 'eof', retryMs: 1, comments: 1, events: 102 },
    ]);
  });

  it.each([
    [204, 'no-content'],
    [404, 'refused'],
    [401, 'refused'],
    [500, 'gave-up'],
    [429, 'gave-up'],
  ] as const)('takes %i for %s', async (status, ending) => {
    server.handle = (_, response) => response.writeHead(status).end();
    expect(await follow({ connectionsMax: 2 }).done).toBe(ending);
  });

  it('ends by its signal, also in the pause between two connections', async () => {
    server.handle = (_, response) => response.writeHead(503).end();
    const abort = new AbortController();
    const following = follow({ signal: abort.signal, retryMsMax: 3_600_000 });
    await vi.waitFor(() => expect(following.record.connections[0]?.end).toBe('eof'));
    abort.abort();
    expect(await following.done).toBe('aborted');
  });

  it('replaces the text at a snapshot: a later attempt, and a cursor that is not covered', async () => {
    const later = `${started}${delta('1-1', 'old')}${frame('2-0', 'snapshot', { text: '' })}${delta('2-1', 'new')}`;
    expect(await recorded(later)).toMatchObject({ text: 'new', violations: [], cursor: '2-1' });
    const uncovered = frame('2-8', 'snapshot', { text: 'all' }) + delta('2-9', ' of it');
    for (const cursor of ['3-1', '2-8', 'nonsense', '1-4']) {
      const record = await recorded(uncovered, { earlier: { cursor, text: 'before' } });
      expect(record).toMatchObject({ text: 'all of it', violations: [] });
    }
  });

  it('goes on from an earlier life', async () => {
    const earlier = { cursor: '1-1', text: 'a' };
    expect(await recorded(delta('1-2', 'b'), { earlier })).toMatchObject({ text: 'ab', violations: [] });
  });

  it('finds the cursor of its earlier life repeated', async () => {
    const record = await recorded(delta('1-1', 'a'), { earlier: { cursor: '1-1', text: 'a' } });
    expect(record).toMatchObject({ text: 'a', violations: [{ rule: 'duplicate' }] });
  });

  it('accepts the end of a run that never began, and types it does not know', async () => {
    expect((await recorded(frame('1-0', 'cancelled', { messageId: 'm' }))).violations).toEqual([]);
    const unknown = started + frame('1-1', 'thought', {}) + delta('1-2', 'x');
    expect(await recorded(unknown)).toMatchObject({ text: 'x', violations: [] });
  });

  it('takes a place in the queue for neither text nor cursor', async () => {
    const queued = (position: number) =>
      `event: queued\ndata: {"position":${position},"estimatedMs":null}\n\n`;
    const body = queued(2) + queued(1) + started + delta('1-1', 'a') + queued(1) + delta('1-2', 'b');
    expect(await recorded(body)).toMatchObject({ text: 'ab', violations: [], ids: ['1-0', '1-1', '1-2'] });
  });

  it.each([
    ['id-invalid', frame('1-0', 'queued', { position: 1, estimatedMs: null })],
    ['data-invalid', 'event: queued\ndata: {"position":0,"estimatedMs":null}\n\n'],
    [
      'after-terminal',
      `${frame('1-0', 'cancelled', {})}event: queued\ndata: {"position":1,"estimatedMs":5}\n\n`,
    ],
    ['duplicate', started + delta('1-1', 'a') + delta('1-1', 'a')],
    [
      'order',
      started +
        delta('1-1', 'a') +
        delta('1-2', 'b') +
        frame('2-0', 'snapshot', { text: '' }) +
        delta('1-3', 'a'),
    ],
    ['gap', started + delta('1-2', 'a')],
    ['gap', started + delta('2-0', 'a')],
    ['gap', started + frame('1-2', 'completed', {})],
    ['gap', delta('1-1', 'a')],
    ['opening', delta('1-1', 'a') + frame('2-0', 'started', {})],
    ['opening', frame('1-1', 'started', {})],
    ['after-terminal', started + frame('1-1', 'failed', {}) + delta('1-2', 'a')],
    ['after-terminal', started + frame('1-1', 'completed', {}) + frame('1-2', 'cancelled', {})],
    ['id-missing', `${started}event: delta\ndata: {"text":"a"}\n\n`],
    ['id-invalid', started + delta('1-01', 'a')],
    ['data-invalid', `${started}id: 1-1\nevent: delta\ndata: {"text\n\n`],
    ['data-invalid', started + frame('1-1', 'delta', { tex: 'a' })],
    ['data-invalid', started + frame('1-1', 'completed', null)],
  ])('finds the breach: %s', async (rule, body) => {
    const { violations } = await recorded(body);
    expect(violations.map((violation) => violation.rule)).toContain(rule);
  });

  it('finds a server that does not say that this is all', async () => {
    server.handle = (_, response) => open(response).end(log.join(''));
    const following = follow({ confirmEnd: true });
    await following.done;
    const rules = new Set(following.record.violations.map(({ rule }) => rule));
    expect(rules).toEqual(new Set(['after-terminal', 'not-ended']));
  });

  it('hands on what its observer throws', async () => {
    server.handle = serveLog;
    const onEvent = () => {
      throw new Error('seen enough');
    };
    await expect(follow({ onEvent }).done).rejects.toThrow('seen enough');
  });
});

describe("npm's EventSource", () => {
  it('follows to the end with its own reconnects', async () => {
    let connections = 0;
    server.handle = (cursor, response, request) => {
      if (connections++ > 0) return serveLog(cursor, response, request);
      open(response).write(`retry: 1\n\n${log.slice(0, 5).join('')}`, () => response.destroy());
    };
    const following = followWithEventSource({
      url: `${server.base}/run`,
      headers: { cookie: 'a=b' },
      untilNoContent: true,
    });
    expect(await following.done).toBe('no-content');
    expect(following.record).toMatchObject({
      text: pieces.join(''),
      violations: [],
      terminal: { id: '1-101' },
    });
    expect(following.record.connections.map(({ cursor, status }) => [cursor, status])).toEqual([
      [null, 200],
      ['1-4', 200],
      ['1-101', 204],
    ]);
  });

  it('closes at the terminal event unless told otherwise', async () => {
    server.handle = serveLog;
    const following = followWithEventSource({ url: server.base });
    expect(await following.done).toBe('terminal');
    expect(following.record.connections).toHaveLength(1);
  });

  it('dies on any other status, and can be stopped', async () => {
    server.handle = (_, response) => response.writeHead(503).end();
    expect(await followWithEventSource({ url: server.base }).done).toBe('died');
    const following = followWithEventSource({ url: server.base });
    following.stop();
    expect(await following.done).toBe('closed');
  });
});
