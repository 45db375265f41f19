/**
 * Where a reader may begin: with nothing, after any event, at the end, and with cursors that nobody ever sent. A native
 * EventSource dies for ever on any status but 200 and 204, so its header never gets another.
 *
 * This file is longer than 250 lines because the table of cursors in PROTOCOL.md is tried as one, on one stack.
 */
import type { Problem, RunView } from '@holdfast/shared/http/schemas.ts';
import { runKeys } from '@holdfast/shared/run-log/keys.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { ask, call, follow, question } from '../support/ask.ts';
import { sendRaw } from '../support/raw-http.ts';
import { followRun } from '../support/recorder.ts';
import { openEventStream, type SseEvent } from '../support/sse-reader.ts';
import { type Stack, startStack } from '../support/stack.ts';

const short = { deltas: 20, seed: 5, intervalMs: 5 };
const shortText = scriptedText(short).join('');
/** Writes a first part and then nothing for as long as these tests need. */
const halted = { deltas: 20, seed: 6, fault: 'stall', atDelta: 12 } as const;
const haltedText = scriptedText(halted).slice(0, 12).join('');

let stack: Stack;
let base: string;
let ended: RunView;
let endedIds: readonly string[];
let running: RunView;

beforeAll(async () => {
  stack = await startStack({ env: { UPSTREAM_IDLE_MS: '300000' } });
  base = stack.apis[0]?.url ?? '';
  ended = (await ask(base, question(short))).run;
  endedIds = (await follow([base], ended)).ids;
  running = (await ask(base, question(halted))).run;
  await read(running, {}, haltedText);
});
afterAll(async () => {
  await call(base, 'POST', `/api/runs/${running.id}/cancel`);
  await stack.stop();
});

const eventsOf = (run: RunView) => (origin: string) => `${origin}${run.eventsUrl}`;

/** Events from a cursor on: all of a run that has ended, or those until the text is `text`. */
async function read(
  run: RunView,
  cursor: { header?: string; query?: string },
  text?: string,
): Promise<SseEvent[]> {
  const query = cursor.query === undefined ? '' : `?cursor=${encodeURIComponent(cursor.query)}`;
  const stream = await openEventStream(`${base}${run.eventsUrl}${query}`, {
    headers: cursor.header === undefined ? {} : { 'last-event-id': cursor.header },
    signal: AbortSignal.timeout(20_000),
  });
  expect(stream.status).toBe(200);
  const events: SseEvent[] = [];
  let shown = '';
  for await (const item of stream) {
    if (item.kind !== 'event') continue;
    events.push(item);
    const { text: piece } = JSON.parse(item.data) as { text?: string };
    shown = item.event === 'delta' ? shown + piece : (piece ?? shown);
    if (text !== undefined && shown === text) break;
  }
  return events;
}

const idsOf = (events: readonly SseEvent[]) => events.map((event) => event.id);

/** What a reader must get that holds something nobody can name. */
async function expectSnapshot(run: RunView, cursor: { header?: string; query?: string }): Promise<void> {
  const isRunning = run === running;
  const [first, ...rest] = await read(run, cursor, isRunning ? haltedText : undefined);
  expect(first?.event).toBe('snapshot');
  expect(JSON.parse(first?.data ?? '')).toEqual({ text: isRunning ? haltedText : shortText });
  expect(rest.map((event) => event.event)).toEqual(isRunning ? [] : ['completed']);
}

describe('a cursor of the run', () => {
  it('is answered by everything after it, wherever it lies', async () => {
    for (const [index, id] of endedIds.slice(0, -1).entries()) {
      const rest = endedIds.slice(index + 1);
      expect(idsOf(await read(ended, { header: id }))).toEqual(rest);
      expect(idsOf(await read(ended, { query: id }))).toEqual(rest);
    }
  });

  it('is not needed: without one everything comes', async () => {
    expect(idsOf(await read(ended, {}))).toEqual(endedIds);
    // HTTP has no way to say "absent" but leaving it out; some clients send an empty one.
    expect(idsOf(await read(ended, { header: '' }))).toEqual(endedIds);
  });

  it('is the one in the header when the address has another: EventSource repeats its first address for ever', async () => {
    const [, second = '', third = ''] = endedIds;
    expect(idsOf(await read(ended, { header: third, query: second }))).toEqual(endedIds.slice(3));
    expect(idsOf(await read(ended, { header: third, query: 'nonsense' }))).toEqual(endedIds.slice(3));
    expect(idsOf(await read(ended, { header: '', query: third }))).toEqual(endedIds.slice(3));
  });

  it('tells nobody anything who may not read: the end, a bad cursor and an unknown run are all the same', async () => {
    const asked = [
      ended.eventsUrl,
      running.eventsUrl,
      `${ended.eventsUrl}?cursor=${endedIds.at(-1)}`,
      `${ended.eventsUrl}?cursor=nonsense`,
      `/api/runs/0198ffff-ffff-7fff-bfff-ffffffffffff/events?cursor=1-0`,
      '/api/runs/nonsense/events',
    ];
    for (const path of asked) {
      const reply = await call<Problem>(base, 'GET', path, undefined, { authorization: '' });
      expect([path, reply.status, reply.body.code]).toEqual([path, 401, 'unauthenticated']);
    }
  });

  it('is answered by 204 when it is the end', async () => {
    const end = endedIds.at(-1) ?? '';
    for (const headers of [{ 'last-event-id': end }, {}]) {
      const query = 'last-event-id' in headers ? '' : `?cursor=${end}`;
      const reply = await sendRaw(base, {
        path: `${ended.eventsUrl}${query}`,
        headers: Object.entries(headers),
      });
      expect(reply?.status).toBe(204);
      expect(reply?.body).toBe('');
    }
  });
});

describe('a cursor that no server has sent', () => {
  const uncovered = ['1-999', '1-999999999', '2-0', '2-7', '999-999', '999999999-999999999'];
  const unreadable = [
    '-1',
    '$',
    '+',
    '>',
    '*',
    '-',
    '0',
    '0-0',
    '0-1',
    '1',
    '1-',
    '1-2-3',
    '01-2',
    '1-02',
    ' 1-2x',
    '1-2 ',
    '1_2',
    '18446744073709551616-0',
    '1-18446744073709551616',
    '1000000000-0',
    '1e3-0',
    '0x1-0',
    'NaN',
    'null',
    'undefined',
    '(1-1',
    '[1-1',
    '1-1\t',
    '１-１',
    '你好',
    '👩‍👩‍👧',
    "1-1' OR 1=1 --",
    '../../etc/passwd',
    '%00',
    '%0d%0a',
    '{1}',
    '0198aaaa-aaaa-7aaa-8aaa-aaaaaaaaaaaa',
    'x'.repeat(8_000),
  ];

  it.each(['ended', 'running'])(
    'gets a snapshot of the whole text: well-formed ones, of a run that is %s',
    async (which) => {
      const run = which === 'ended' ? ended : running;
      for (const cursor of uncovered) {
        await expectSnapshot(run, { header: cursor });
        await expectSnapshot(run, { query: cursor });
      }
    },
  );

  it.each(['ended', 'running'])(
    'gets a snapshot as a header, 400 as a query: nonsense, of a run that is %s',
    async (which) => {
      const run = which === 'ended' ? ended : running;
      const text = which === 'ended' ? shortText : haltedText;
      for (const cursor of unreadable.filter((each) => each.trim() === each)) {
        // As UTF-8 bytes, which Node's own client refuses to put into a header.
        const header = Buffer.from(cursor).toString('latin1');
        const until = JSON.stringify({ text });
        const reply = await sendRaw(
          base,
          { path: run.eventsUrl, headers: [['Last-Event-ID', header]] },
          { until },
        );
        expect([cursor, reply?.status]).toEqual([cursor, 200]);
        expect(reply?.body).toContain('event: snapshot\n');
        expect(reply?.body).toContain(until);
        expect(reply?.body).not.toContain('event: delta');
      }
      for (const cursor of ['', ...unreadable]) {
        const reply = await call<{ code: string }>(
          base,
          'GET',
          `${run.eventsUrl}?cursor=${encodeURIComponent(cursor)}`,
        );
        expect([cursor, reply.status, reply.body.code]).toEqual([cursor, 400, 'invalid_cursor']);
        expect(reply.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      }
    },
  );

  it('gets a snapshot when the header comes twice', async () => {
    const headers = [
      ['Last-Event-ID', '1-2'],
      ['last-event-id', '1-3'],
    ] as const;
    const reply = await sendRaw(base, { path: ended.eventsUrl, headers }, { until: 'event: completed' });
    expect(reply?.status).toBe(200);
    expect(reply?.body).toContain('event: snapshot');
  });

  it('is refused before any route when it is no HTTP: NUL, a bare CR, 1 MB', async () => {
    for (const [value, status] of [
      ['1-2\0', 400],
      ['1-\r2', 400],
      ['1'.repeat(1024 * 1024), 431],
    ] as const) {
      const reply = await sendRaw(base, { path: ended.eventsUrl, headers: [['Last-Event-ID', value]] });
      expect(reply?.status).toBe(status);
      expect(reply?.headers['content-type']).toMatch(/^application\/problem\+json/);
    }
    // A line break ends the field, as HTTP says: what follows is another header and no part of the cursor.
    const reply = await sendRaw(
      base,
      { path: ended.eventsUrl, headers: [['Last-Event-ID', '1-2\r\nX-Other: 1']] },
      { until: 'event: completed' },
    );
    expect(reply?.status).toBe(200);
    expect(reply?.body).toContain('\nid: 1-3\n');
  });
});

describe('a cursor whose log is lost', () => {
  it('in mid-answer is good again as soon as the worker has written the log again', async () => {
    const directive = { deltas: 80, seed: 8, intervalMs: 25, splitSurrogates: true };
    const { run } = await ask(base, question(directive));
    const keys = runKeys(stack.redisPrefix, run.id);
    let losses = 0;
    const lose = async (): Promise<void> => {
      const keysLost = await stack.redis.del(keys.log, keys.meta);
      losses += keysLost;
    };
    const readers = [
      // One that stays, one that comes back from its cursor just when there is no log.
      followRun({
        bases: [base],
        url: eventsOf(run),
        onEvent: (_event, { ids }) => {
          if (ids.length === 10 || ids.length === 30) void lose();
        },
      }),
      followRun({
        bases: [base],
        url: eventsOf(run),
        retryMsMax: 0,
        onEvent: (_event, { ids }) => {
          if (ids.length === 10 || ids.length === 30) void lose().then(() => readers[1]?.cut());
        },
      }),
    ];
    await Promise.all(readers.map((reader) => reader.done));
    expect(losses).toBeGreaterThanOrEqual(4);
    for (const { record } of readers) {
      expect(record.violations).toEqual([]);
      expect(record.text).toBe(scriptedText(directive).join(''));
      expect(record.terminal?.type).toBe('completed');
    }
    const after = await follow([base], run);
    expect(after.violations).toEqual([]);
    expect(after.text).toBe(scriptedText(directive).join(''));
  });
});

describe('a cursor of an attempt that a worker took to its grave', () => {
  it('is answered by the snapshot that clears its text, then by the new attempt', async () => {
    const directive = {
      deltas: 12,
      seed: 10,
      fault: 'cut',
      atDelta: 6,
      times: 1,
      key: 'second attempt',
    } as const;
    const { run } = await ask(base, question(directive));
    const record = await follow([base], run);
    expect(record.violations).toEqual([]);
    const text = scriptedText(directive).join('');
    expect(record.text).toBe(text);
    const opening = record.ids.indexOf('2-0');
    expect(opening).toBeGreaterThan(0);
    for (const id of record.ids.slice(0, opening)) {
      const events = await read(run, { header: id });
      expect(idsOf(events)).toEqual(record.ids.slice(opening));
      expect(events[0]).toMatchObject({ event: 'snapshot', data: '{"text":""}' });
    }
    // Places that the first attempt never reached are no reason to miss anything of the second.
    expect((await read(run, { header: '1-500' }))[0]).toMatchObject({ id: '2-0', event: 'snapshot' });
    expect(idsOf(await read(run, {}))).toEqual(record.ids.slice(opening));
  });
});

describe('a run that still waits for a worker', () => {
  it('is answered from its start whatever the cursor, and nobody waits for an event that cannot come', async () => {
    const worker = stack.workers[0]?.pid ?? 0;
    process.kill(worker, 'SIGSTOP');
    const directive = { deltas: 10, seed: 9 };
    const { run } = await ask(base, question(directive));
    const readers = [undefined, '7-7', '999999999-999999999', 'nonsense'].map((cursor) =>
      followRun({
        bases: [base],
        url: eventsOf(run),
        ...(cursor === undefined ? {} : { earlier: { cursor, text: 'of another life' } }),
      }),
    );
    const hasConnected = ({ record }: (typeof readers)[number]) =>
      typeof record.connections[0]?.retryMs === 'number';
    await expect.poll(() => readers.every(hasConnected), { timeout: 10_000 }).toBe(true);
    process.kill(worker, 'SIGCONT');
    await Promise.all(readers.map((reader) => reader.done));
    for (const { record } of readers) {
      expect(record.violations).toEqual([]);
      expect(record.text).toBe(scriptedText(directive).join(''));
      expect(record.terminal?.type).toBe('completed');
      expect(record.connections).toHaveLength(1);
    }
  });
});
