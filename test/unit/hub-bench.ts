/**
 * A hub over the run log in memory, for tests that say what happens when. The clock stands still unless a test moves it:
 * whatever arrives, arrives without the comparison of quiet logs.
 */
import { createLogger } from '@holdfast/shared/logger.ts';
import { formatEventId } from '@holdfast/shared/protocol/event-id.ts';
import type { LoggedEvent } from '@holdfast/shared/protocol/run-event.ts';
import { createMemoryRunLog, type MemoryRunLog } from '@holdfast/shared/run-log/memory.ts';
import {
  type AppendResult,
  type RunLogFeedHandlers,
  RunLogUnavailableError,
} from '@holdfast/shared/run-log/run-log.ts';
import type { EndedRun } from '@holdfast/shared/store/runs.ts';
import { onTestFinished, vi } from 'vitest';
import { createHub, type Hub } from '../../apps/api/src/hub/hub.ts';
import type { Cursor, Sink, Subscription } from '../../apps/api/src/hub/reader.ts';

export const runId = 'run';
export const started = { type: 'started', json: '{"runId":"run","model":"m"}' } as const;
export const emptied = { type: 'snapshot', json: '{"text":""}' } as const;
export const completed = {
  type: 'completed',
  json: '{"messageId":"m","finishReason":"stop","usage":null}',
} as const;
/** The deltas `from` to `to`, whose text is their own number. */
export const deltas = (from: number, to: number) =>
  Array.from(
    { length: to - from + 1 },
    (_, n) => ({ type: 'delta', json: `{"text":"${from + n} "}` }) as const,
  );
export const textTo = (seq: number): string => Array.from({ length: seq }, (_, n) => `${n + 1} `).join('');
export const ended = (attempt: number, seq: number): EndedRun => ({
  end: {
    id: { attempt, seq },
    event: { type: 'completed', data: { messageId: 'm', finishReason: 'stop', usage: null } },
  },
  text: textTo(seq - 1),
});
export const behind = (attempt: number, seq: number): Cursor => ({ kind: 'after', id: { attempt, seq } });

/** Everything goes on that needs neither time nor a reader. */
export const settle = async (): Promise<void> => {
  for (let n = 0; n < 20; n++) await new Promise((resolve) => setImmediate(resolve));
};

/** A quiet log has been compared. */
export async function passQuietTime(): Promise<void> {
  for (let n = 0; n < 2; n++) {
    vi.advanceTimersByTime(1_100);
    await settle();
  }
}

export interface TestReader {
  readonly events: LoggedEvent[];
  /** `delta 1-4` and the like. */
  readonly ids: string[];
  readonly ended: boolean;
  readonly subscription: Subscription;
  /** Events that it takes before it is full. */
  capacity: number;
  /** It takes what it was sent. */
  take(): Promise<void>;
}

export interface Bench {
  readonly hub: Hub;
  readonly memory: MemoryRunLog;
  readonly ends: Map<string, EndedRun>;
  /** What the hub called, by name. */
  readonly calls: string[];
  /** The next calls with these names fail. */
  readonly failing: string[];
  /** Calls with this name wait until it is settled. */
  held: { name: string; until: Promise<void> } | null;
  dropsEvents: boolean;
  interrupt(): void;
  write(attempt: number, from: number, to: number): Promise<AppendResult>;
  /** A reader that takes `capacity` events at a time, when the test lets it. */
  read(cursor?: Cursor, capacity?: number): TestReader;
}

export function createBench(): Bench {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance'] });
  const memory = createMemoryRunLog();
  const ends = new Map<string, EndedRun>();
  let handlers: RunLogFeedHandlers | undefined;

  async function called<T>(name: string, call: () => Promise<T>): Promise<T> {
    bench.calls.push(name);
    const at = bench.failing.indexOf(name);
    if (at >= 0) {
      bench.failing.splice(at, 1);
      throw new RunLogUnavailableError(`no ${name} now`);
    }
    const result = await call();
    if (bench.held?.name === name) await bench.held.until;
    return result;
  }

  const hub = createHub({
    runLog: {
      read: (...args) => called('read', () => memory.read(...args)),
      heads: (...args) => called('heads', () => memory.heads(...args)),
    },
    createFeed(given) {
      handlers = given;
      const feed = memory.feed({
        onEvent: (id, event) => (bench.dropsEvents ? undefined : given.onEvent(id, event)),
        onInterruption: () => undefined,
      });
      return {
        listen: (id) => called('listen', () => feed.listen(id)),
        unlisten(id) {
          bench.calls.push('unlisten');
          feed.unlisten(id);
        },
      };
    },
    lookUpEnds: async (ids) => new Map(ids.flatMap((id) => [...ends].filter(([key]) => key === id))),
    logger: createLogger('hub', 'silent'),
  });
  onTestFinished(() => {
    hub.close();
    vi.useRealTimers();
  });

  function read(cursor: Cursor = { kind: 'start' }, capacity = Number.POSITIVE_INFINITY): TestReader {
    const events: LoggedEvent[] = [];
    let taken = 0;
    let isEnded = false;
    const waiting: (() => void)[] = [];
    const sink: Sink = {
      get full() {
        return events.length - taken >= reader.capacity;
      },
      send: (event) => void events.push(event),
      sendAll(sent) {
        if (events.length - taken + sent.length > reader.capacity) return false;
        events.push(...sent);
        return true;
      },
      whenWritable: () => (sink.full ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve()),
      end() {
        isEnded = true;
      },
    };
    const reader = {
      capacity,
      events,
      get ids() {
        return events.map(({ id, type }) => `${type} ${formatEventId(id)}`);
      },
      get ended() {
        return isEnded;
      },
      async take() {
        taken = events.length;
        for (const resume of waiting.splice(0)) resume();
        await settle();
      },
    };
    return Object.assign(reader, { subscription: hub.subscribe(runId, cursor, sink) });
  }

  const bench: Bench = {
    hub,
    memory,
    ends,
    calls: [],
    failing: [],
    held: null,
    dropsEvents: false,
    interrupt: () => handlers?.onInterruption(),
    write: (attempt, from, to) => memory.append(runId, attempt, from, deltas(from, to)),
    read,
  };
  return bench;
}
