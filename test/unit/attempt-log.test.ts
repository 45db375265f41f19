import type { RunEvent, TerminalEvent } from '@holdfast/shared/protocol/run-event.ts';
import { createMemoryRunLog, type MemoryRunLog } from '@holdfast/shared/run-log/memory.ts';
import { readText } from '@holdfast/shared/run-log/read-text.ts';
import { RunLogUnavailableError, type RunLogWriter } from '@holdfast/shared/run-log/run-log.ts';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type AttemptLog, createAttemptLog, RunLostError } from '../../apps/worker/src/attempt-log.ts';

const runId = 'run';
const started = { type: 'started', data: { runId, model: 'm' } } as const;
const emptied = { type: 'snapshot', data: { text: '' } } as const;
const delta = (text: string): RunEvent => ({ type: 'delta', data: { text } });
const completed: TerminalEvent = {
  type: 'completed',
  data: { messageId: 'm', finishReason: 'stop', usage: null },
};

let memory: MemoryRunLog;
let runLog: RunLogWriter;
/** How many further calls fail, before or after they have done their work. */
let away: { calls: number; replyLost: boolean };
let calls: string[];
let lost: AbortController;
let cancels: number;
let newestAttempt: number;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  memory = createMemoryRunLog();
  away = { calls: 0, replyLost: false };
  calls = [];
  lost = new AbortController();
  cancels = 0;
  newestAttempt = 1;
  const call = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    calls.push(name);
    const fails = away.calls > 0;
    if (fails) away = { ...away, calls: away.calls - 1 };
    if (fails && !away.replyLost) throw new RunLogUnavailableError('away');
    const result = await work();
    if (fails) throw new RunLogUnavailableError('the reply was lost');
    return result;
  };
  runLog = {
    open: (...args) => call('open', () => memory.open(...args)),
    append: (...args) => call(`append ${args[2]}+${args[3].length}`, () => memory.append(...args)),
    requestCancel: memory.requestCancel,
  };
});
afterEach(() => {
  vi.useRealTimers();
});

const attemptLog = (attempt = 1): AttemptLog =>
  createAttemptLog({
    runLog,
    runId,
    attempt,
    lost: lost.signal,
    isNewestAttempt: async () => attempt >= newestAttempt,
    onCancelRequested: () => {
      cancels += 1;
    },
  });
const text = async () => (await readText(memory, runId))?.text;

describe('the log of an attempt', () => {
  it('is not taken back by a worker that lost its run, when Redis lost the fence with the log', async () => {
    const dead = attemptLog(1);
    await dead.open(started);
    await dead.append(delta('old'));
    newestAttempt = 2;
    const alive = attemptLog(2);
    await alive.open({ type: 'snapshot', data: { text: '' } });
    memory.lose(runId);
    await expect(dead.append(delta('older'))).rejects.toThrow(RunLostError);
    expect(await memory.heads([runId])).toEqual([null]);
    await alive.append(delta('new'));
    expect(await text()).toBe('new');
  });

  it('opens and appends, one call each, and names the next place', async () => {
    const log = attemptLog();
    await log.open(started);
    expect(log.nextSeq).toBe(1);
    await log.append(delta('Hold'));
    await log.append(delta('fast'));
    expect(log.nextSeq).toBe(3);
    await log.append(completed);
    expect(calls).toEqual(['open', 'append 1+1', 'append 2+1', 'append 3+1']);
    expect(await text()).toBe('Holdfast');
    expect(await memory.heads([runId])).toEqual([{ id: { attempt: 1, seq: 3 }, closed: true }]);
  });

  it('writes again what the log lost at its tail, and only that', async () => {
    const log = attemptLog();
    await log.open(started);
    for (const piece of ['a', 'b', 'c', 'd']) await log.append(delta(piece));
    memory.truncate(runId, 2);
    calls.length = 0;
    await log.append(delta('e'));
    expect(await text()).toBe('abcde');
    expect(calls).toEqual(['append 5+1', 'append 3+3']);
  });

  it('opens a lost log again and writes everything under the same ids', async () => {
    const log = attemptLog(3);
    await log.open(emptied);
    for (const piece of ['a', 'b', 'c']) await log.append(delta(piece));
    const before = await memory.read(runId, null, 10);
    memory.lose(runId);
    await log.append(delta('d'));
    const after = await memory.read(runId, null, 10);
    expect(after.events.slice(0, 4)).toEqual(before.events);
    expect(await text()).toBe('abcd');
  });

  it('repairs a log that is lost again and again, even before its terminal event', async () => {
    const log = attemptLog();
    await log.open(started);
    for (const piece of ['a', 'b', 'c']) {
      memory.lose(runId);
      await log.append(delta(piece));
    }
    memory.lose(runId);
    await log.append(completed);
    expect(await text()).toBe('abc');
    expect((await memory.heads([runId]))[0]?.closed).toBe(true);
  });

  it('is lost to a later attempt: nothing is written and RunLostError is thrown', async () => {
    const log = attemptLog(1);
    await log.open(started);
    await log.append(delta('old'));
    await attemptLog(2).open(emptied);
    await expect(log.append(delta('stale'))).rejects.toThrow(RunLostError);
    await expect(log.append(completed)).rejects.toThrow(RunLostError);
    await expect(attemptLog(1).open(started)).rejects.toThrow(RunLostError);
    expect(await text()).toBe('');
    expect(await memory.heads([runId])).toEqual([{ id: { attempt: 2, seq: 0 }, closed: false }]);
  });

  it('is lost when the run has its end', async () => {
    const log = attemptLog(1);
    await log.open(started);
    await log.append(completed);
    await expect(log.append(delta('late'))).rejects.toThrow(RunLostError);
    await expect(attemptLog(2).open(emptied)).rejects.toThrow(RunLostError);
    expect(await text()).toBe('');
  });

  it.each([false, true])(
    'waits while the log is away, and writes once (replies lost: %s)',
    async (replyLost) => {
      const log = attemptLog();
      away = { calls: 8, replyLost };
      const opened = log.open(started);
      await vi.advanceTimersByTimeAsync(20_000);
      await opened;
      away = { calls: 8, replyLost };
      const appended = log.append(delta('a'));
      await vi.advanceTimersByTimeAsync(20_000);
      await appended;
      expect((await memory.read(runId, null, 10)).events).toHaveLength(2);
      expect(calls).toHaveLength(18);
    },
  );

  it('waits longer from try to try, but never more than a second', async () => {
    const log = attemptLog();
    await log.open(started);
    away = { calls: Number.POSITIVE_INFINITY, replyLost: false };
    calls.length = 0;
    const outcome = log.append(delta('a')).catch((error: Error) => error);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(calls.length).toBeGreaterThan(3);
    expect(calls.length).toBeLessThan(12);
    calls.length = 0;
    await vi.advanceTimersByTimeAsync(20_000);
    expect(calls.length).toBeGreaterThanOrEqual(20);
    expect(calls.length).toBeLessThanOrEqual(41);
    lost.abort();
    expect(await outcome).toBeInstanceOf(RunLostError);
  });

  it('gives up waiting at once when the run is lost', async () => {
    const log = attemptLog();
    away = { calls: Number.POSITIVE_INFINITY, replyLost: false };
    const outcome = log.open(started).catch((error: Error) => error);
    await vi.advanceTimersByTimeAsync(5_000);
    lost.abort();
    expect(await outcome).toBeInstanceOf(RunLostError);
    expect(vi.getTimerCount()).toBe(0);
    await expect(log.append(delta('a'))).rejects.toThrow(RunLostError);
  });

  it('gives up waiting when it is told to, and says that the log is away', async () => {
    const log = attemptLog();
    await log.open(started);
    away = { calls: Number.POSITIVE_INFINITY, replyLost: false };
    const giveUp = new AbortController();
    const outcome = log.append(completed, giveUp.signal).catch((error: Error) => error);
    await vi.advanceTimersByTimeAsync(5_000);
    giveUp.abort();
    expect(await outcome).toBeInstanceOf(RunLogUnavailableError);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('tells of a cancel with the next append', async () => {
    const log = attemptLog();
    await log.open(started);
    await log.append(delta('a'));
    expect(cancels).toBe(0);
    await memory.requestCancel(runId);
    await log.append(delta('b'));
    expect(cancels).toBe(1);
  });

  it('throws what is a bug at once, instead of trying for ever', async () => {
    const log = attemptLog();
    await log.open(started);
    runLog.append = () => Promise.reject(new TypeError('a bug'));
    await expect(log.append(delta('a'))).rejects.toThrow('a bug');
  });
});
