/** Reading a run whose log Redis no longer has: the text comes from Postgres, as one snapshot and the end. */
import type { RunView } from '@holdfast/shared/http/schemas.ts';
import { runKeys } from '@holdfast/shared/run-log/keys.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { ask, call, follow, getHistory, question } from '../support/ask.ts';
import { openEventStream, type SseEvent } from '../support/sse-reader.ts';
import { type Stack, startStack } from '../support/stack.ts';

const directive = { deltas: 15, seed: 21, splitSurrogates: true };
const text = scriptedText(directive).join('');

let stack: Stack;
let base: string;
beforeAll(async () => {
  stack = await startStack({ env: { RUN_LOG_RETENTION_MS: '1000' } });
  base = stack.apis[0]?.url ?? '';
});
afterAll(() => stack.stop());

async function whenExpired(run: RunView): Promise<void> {
  const { log, meta } = runKeys(stack.redisPrefix, run.id);
  await expect.poll(() => stack.redis.exists(log, meta), { timeout: 20_000 }).toBe(0);
}

/** All events from a cursor to the end; null for 204. */
async function read(run: RunView, cursor?: string): Promise<SseEvent[] | null> {
  const stream = await openEventStream(`${base}${run.eventsUrl}`, {
    headers: cursor === undefined ? {} : { 'last-event-id': cursor },
    signal: AbortSignal.timeout(20_000),
  });
  if (stream.status === 204) return null;
  const events: SseEvent[] = [];
  for await (const item of stream) if (item.kind === 'event') events.push(item);
  expect(await stream.ended).toBe('eof');
  return events;
}

describe('once its log has expired', () => {
  it('a completed run is read as one snapshot and the same end, from any cursor but its last two', async () => {
    const { run } = await ask(base, question(directive));
    const { ids, terminal } = await follow([base], run);
    await whenExpired(run);
    const end = terminal?.id ?? '';
    for (const cursor of [undefined, 'nonsense', '1-999', '2-0', '999-999', ...ids.slice(0, -2)]) {
      const [snapshot, last, ...more] = (await read(run, cursor)) ?? [];
      expect(more).toEqual([]);
      expect(snapshot).toMatchObject({ id: ids.at(-2), event: 'snapshot', data: JSON.stringify({ text }) });
      expect(last).toMatchObject({ id: end, event: 'completed', data: JSON.stringify(terminal?.data) });
    }
    // Whoever has the whole text lacks only the end.
    expect(await read(run, ids.at(-2))).toMatchObject([{ id: end, event: 'completed' }]);
    expect(await read(run, end)).toBeNull();
  });

  it('a reader that was away meanwhile ends with the same bytes', async () => {
    const { run } = await ask(base, question({ ...directive, intervalMs: 20 }));
    const away = new AbortController();
    const before = await follow([base], run, {
      signal: away.signal,
      onEvent: (_event, { ids }) => {
        if (ids.length === 5) away.abort();
      },
    });
    expect(before.terminal).toBeNull();
    await follow([base], run);
    await whenExpired(run);
    const after = await follow([base], run, { earlier: before, confirmEnd: true });
    expect(after.violations).toEqual([]);
    expect(after.text).toBe(text);
    expect(after.terminal?.type).toBe('completed');
  });

  it('a failed run is read with what it had produced, and with its reason', async () => {
    const { run } = await ask(base, question({ ...directive, seed: 22, fault: 'contentFilter', atDelta: 6 }));
    await follow([base], run);
    const failing = await ask(base, question({ ...directive, status: 401 }));
    const record = await follow([base], failing.run);
    expect(record.terminal?.type).toBe('failed');
    await Promise.all([whenExpired(run), whenExpired(failing.run)]);
    expect((await follow([base], run)).text).toBe(
      scriptedText({ ...directive, seed: 22 })
        .slice(0, 6)
        .join(''),
    );
    const [snapshot, last] = (await read(failing.run)) ?? [];
    expect(snapshot).toMatchObject({ event: 'snapshot', data: '{"text":""}' });
    expect(last).toMatchObject({ event: 'failed', data: JSON.stringify(record.terminal?.data) });
  });

  it('a cancelled run is read with what it had produced, the same as in history', async () => {
    const { run } = await ask(base, question({ deltas: 20, seed: 23, fault: 'stall', atDelta: 8 }));
    const part = scriptedText({ deltas: 20, seed: 23 }).slice(0, 8).join('');
    let asked = false;
    const record = await follow([base], run, {
      onEvent: (_event, { text: shown }) => {
        if (shown !== part || asked) return;
        asked = true;
        void call(base, 'POST', `/api/runs/${run.id}/cancel`);
      },
    });
    expect(record.terminal?.type).toBe('cancelled');
    await whenExpired(run);
    const [snapshot, last] = (await read(run)) ?? [];
    expect(snapshot).toMatchObject({ event: 'snapshot', data: JSON.stringify({ text: part }) });
    expect(last).toMatchObject({ id: record.terminal?.id, event: 'cancelled' });
    const { messages } = await getHistory(base, run.conversationId);
    expect(messages.at(-1)?.text).toBe(part);
  });
});
