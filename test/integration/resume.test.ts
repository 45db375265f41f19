/**
 * Clients that lose their connection again and again. Whatever kind of client it is, wherever it is cut and whichever API
 * process it comes back to, it ends with the same bytes and has seen every event exactly once.
 */
import type { RunView } from '@holdfast/shared/http/schemas.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyEvent, emptyAnswer, followRun as followWithClient } from '../../packages/client/src/index.ts';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { ask, follow, question } from '../support/ask.ts';
import { type ChaosProxy, randomBytes, startChaosProxy } from '../support/chaos-proxy.ts';
import { followWithEventSource } from '../support/clients/eventsource.ts';
import { followRun } from '../support/recorder.ts';
import { createRunRecord, type RunRecord } from '../support/run-record.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';

/** Emoji, Chinese, CR and LF, forged SSE fields; deltas that end in the middle of a surrogate pair. */
const directive = { deltas: 60, intervalMs: 15, seed: 11, splitSurrogates: true };
const text = scriptedText(directive).join('');

/** `retry: NNNN`, an empty line; with three digits a cut falls on the first byte of the next frame, which is no event. */
const retryFrameBytes = 13;

let stack: Stack;
let bases: string[];
beforeAll(async () => {
  stack = await startStack({ apis: 2 });
  bases = stack.apis.map((api) => api.url);
});
afterAll(() => stack.stop());

const askScripted = async () => (await ask(bases[0] ?? '', question(directive))).run;

/** The bytes of each frame of a run that has ended, as the server sends them. */
async function framesOf(run: RunView): Promise<string[]> {
  const response = await fetch(`${bases[0]}${run.eventsUrl}`, { headers: testUser.headers });
  return (await response.text()).split(/(?<=\n\n)/).filter((frame) => frame.startsWith('id: '));
}

const idOf = (frame: string) => /^id: (\S+)/.exec(frame)?.[1] ?? '';

function expectWhole(record: RunRecord, ids: readonly string[]): void {
  expect(record.violations).toEqual([]);
  expect(record.ids).toEqual(ids);
  expect(record.text).toBe(text);
  expect(record.terminal?.type).toBe('completed');
}

/**
 * Follows with the published client over a fetch that rotates over the API processes and breaks off each body after so
 * many bytes. It waits only a moment between tries: how long is tested elsewhere.
 */
async function followWithCuts(
  run: RunView,
  cutAfter: (connection: number) => number,
): Promise<{ record: RunRecord; shown: string; connections: number }> {
  const { record, apply } = createRunRecord();
  let connections = 0;
  let answer = emptyAnswer;
  const events = followWithClient(run.eventsUrl, {
    async fetch(path, init) {
      const connection = connections++;
      const response = await fetch(`${bases[connection % bases.length]}${String(path)}`, {
        ...init,
        headers: { ...testUser.headers, ...(init?.headers as Record<string, string>) },
      });
      let left = cutAfter(connection);
      const cut = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          controller.enqueue(chunk.subarray(0, left));
          left -= chunk.length;
          if (left <= 0) controller.error(new TypeError('terminated'));
        },
      });
      return new Response(response.body?.pipeThrough(cut) ?? null, response);
    },
    backoff: { next: () => 1, reset: () => {}, retry: () => {} },
  });
  for await (const event of events) {
    const data = event.type === 'unknown' ? event.json : JSON.stringify(event.data);
    apply({ connection: connections - 1, id: event.id, event: event.type, data });
    answer = applyEvent(answer, event);
  }
  return { record, shown: answer.text, connections };
}

describe('a client that is cut after every single event, on two API processes in turn', () => {
  let run: RunView;
  let frames: string[];
  const oneEvent = (connection: number) => retryFrameBytes + Buffer.byteLength(frames[connection] ?? '');

  beforeAll(async () => {
    run = await askScripted();
    await follow(bases, run);
    frames = await framesOf(run);
  });

  it.each(['header', 'query'] as const)(
    'resumes by %s and gets one further event each time',
    async (cursorBy) => {
      const record = await follow(bases, run, {
        cursorBy,
        cutAfter: oneEvent,
        retryMsMax: 0,
        confirmEnd: true,
      });
      expectWhole(record, frames.map(idOf));
      expect(record.connections.map((each) => each.events)).toEqual([...frames.map(() => 1), 0]);
      expect(record.connections.at(-1)?.status).toBe(204);
    },
  );

  it('is whole when it is the published client', async () => {
    const { record, shown, connections } = await followWithCuts(run, oneEvent);
    expectWhole(record, frames.map(idOf));
    expect(shown).toBe(text);
    expect(connections).toBe(frames.length);
  });

  it('is whole when each half of the cut lies inside a frame', async () => {
    // Into the next frame by one byte, by half of it, and to its last byte but one: none of it may count.
    for (const part of [0, 0.5, 1]) {
      const cutAfter = (connection: number) => {
        const next = Buffer.byteLength(frames[connection + 1] ?? '');
        return oneEvent(connection) + Math.max(0, Math.floor(part * (next - 3)));
      };
      expectWhole(await follow(bases, run, { cutAfter, retryMsMax: 0 }), frames.map(idOf));
    }
  });
});

describe('clients of a run that is being answered', () => {
  it('are whole when each is cut after another event, by header and by query', async () => {
    const run = await askScripted();
    const reference = follow(bases, run);
    const readers = Array.from({ length: 2 * 60 }, (_, index) => {
      const following = followRun({
        url: (base) => `${base}${run.eventsUrl}`,
        // Half of them begin on the other process.
        bases: index % 4 < 2 ? bases : bases.toReversed(),
        cursorBy: index % 2 === 0 ? 'header' : 'query',
        onEvent: (_event, { ids }) => {
          if (ids.length === 1 + Math.floor(index / 2)) following.cut();
        },
      });
      return following;
    });
    await Promise.all(readers.map((reader) => reader.done));
    const { ids } = await reference;
    for (const { record } of readers) expectWhole(record, ids);
    const cut = readers.filter(({ record }) =>
      record.connections.some((connection) => connection.end === 'cut'),
    );
    expect(cut.length).toBeGreaterThan(60);
  });

  it('are whole when they are cut again and again at random bytes', async () => {
    const run = await askScripted();
    const reference = follow(bases, run);
    const randomly = (seed: number) => randomBytes({ seed, min: 1, max: 600 });
    const recorders = Array.from({ length: 24 }, (_, seed) =>
      follow(bases, run, {
        cutAfter: randomly(seed),
        cursorBy: seed % 2 === 0 ? 'header' : 'query',
        retryMsMax: seed % 5,
      }),
    );
    const clients = Array.from({ length: 12 }, (_, seed) => followWithCuts(run, randomly(1_000 + seed)));
    const { ids } = await reference;
    for (const record of await Promise.all(recorders)) {
      expectWhole(record, ids);
      expect(record.connections.length).toBeGreaterThan(2);
    }
    for (const { record, shown } of await Promise.all(clients)) {
      expectWhole(record, ids);
      expect(shown).toBe(text);
    }
  });

  it('are whole when they are native EventSources behind a network that breaks, and stop at the 204', async () => {
    const run = await askScripted();
    const reference = follow(bases, run);
    const [target = { host: '', port: 0 }] = targets();
    const proxies = await Promise.all([startChaosProxy({ target }), startChaosProxy({ target })]);
    try {
      const sources = proxies.flatMap((proxy, index) => {
        breakOften(proxy, index === 0 ? 'fin' : 'reset', index);
        const url = `${proxy.url()}${run.eventsUrl}`;
        return Array.from({ length: 12 }, () => followWithEventSource({ url, untilNoContent: true }));
      });
      const endings = await Promise.all(sources.map((source) => source.done));
      const { ids } = await reference;
      for (const { record } of sources) expectWhole(record, ids);
      expect(new Set(endings)).toEqual(new Set(['no-content']));
      expect(sources.filter(({ record }) => record.connections.length > 2).length).toBeGreaterThan(12);
    } finally {
      await Promise.all(proxies.map((proxy) => proxy.stop()));
    }
  });
});

const targets = () => bases.map((base) => ({ host: '127.0.0.1', port: Number(new URL(base).port) }));

/** Cuts each connection at a random byte and sends the next one to the other API process. */
function breakOften(proxy: ChaosProxy, how: 'fin' | 'reset', seed: number): void {
  // Of what a connection carries the head is about 1,000 bytes; the least lets at least one event through.
  const bytes = randomBytes({ seed, min: 2_500, max: 5_000 });
  proxy.cutAfter((connection) => {
    proxy.retarget(targets()[(connection + 1) % bases.length] ?? { host: '', port: 0 });
    return bytes(connection);
  }, how);
}
