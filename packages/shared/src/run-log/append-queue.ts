/**
 * Lets the appends of all runs of a process leave together. The first one goes out in the same turn of the event loop,
 * with what else was asked for in that turn; what comes while a call is under way goes into the next. So an idle process
 * writes at once, and a busy one sends fewer, larger calls instead of one for each delta. There is no timer.
 */
import type { AppendResult, UnplacedEvent } from './run-log.ts';

/** One script call holds Redis, and with it everybody else, for its length: so many events take it a few milliseconds. */
export const callEventsMax = 500;

/** For the same reason, and so that a connection that is slow for others is not filled: UTF-16 units of JSON in one call. */
export const callCharsMax = 1_000_000;

/** A second call under way would only take from the first what it could have carried along. */
const callsUnderWayMax = 1;

export interface Append {
  readonly runId: string;
  readonly attempt: number;
  readonly firstSeq: number;
  readonly events: readonly UnplacedEvent[];
}

interface WaitingAppend {
  readonly append: Append;
  readonly chars: number;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: unknown) => void;
}

export interface AppendQueue {
  /** Resolves with the result of this append, whatever becomes of others; rejects with its own error, or the call's. */
  append(append: Append): Promise<AppendResult>;
  /** Sends what waits of this run now, so that what is sent next comes after it. */
  sendNow(runId: string): void;
}

/**
 * `call` takes appends in their order and gives as many results in the same one; an Error fails one append alone, a
 * rejection all of them. It gets at most `callEventsMax` events and `callCharsMax` characters, or a single append.
 */
export function createAppendQueue(
  call: (appends: readonly Append[]) => Promise<readonly (AppendResult | Error)[]>,
): AppendQueue {
  let waiting: WaitingAppend[] = [];
  let callsUnderWay = 0;
  let scheduled = false;

  /** The oldest appends that fit into one call; at least one. */
  function takeCall(): readonly WaitingAppend[] {
    let count = 0;
    let events = 0;
    let chars = 0;
    for (const each of waiting) {
      events += each.append.events.length;
      chars += each.chars;
      if (count > 0 && (events > callEventsMax || chars > callCharsMax)) break;
      count += 1;
    }
    const taken = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return taken;
  }

  async function send(): Promise<void> {
    const taken = takeCall();
    callsUnderWay += 1;
    try {
      const results = await call(taken.map((each) => each.append));
      taken.forEach(({ resolve, reject }, index) => {
        const result = results[index];
        if (result === undefined) reject(new Error('an append has no result'));
        else if (result instanceof Error) reject(result);
        else resolve(result);
      });
    } catch (error) {
      for (const { reject } of taken) reject(error);
    } finally {
      callsUnderWay -= 1;
      schedule();
    }
  }

  function schedule(): void {
    if (scheduled || waiting.length === 0 || callsUnderWay >= callsUnderWayMax) return;
    scheduled = true;
    // After the sockets that are readable in this turn: their deltas come along.
    setImmediate(() => {
      scheduled = false;
      if (waiting.length > 0 && callsUnderWay < callsUnderWayMax) void send();
    });
  }

  return {
    append(append) {
      let chars = 0;
      for (const event of append.events) chars += event.json.length;
      return new Promise((resolve, reject) => {
        waiting.push({ append, chars, resolve, reject });
        schedule();
      });
    },
    sendNow(runId) {
      if (!waiting.some((each) => each.append.runId === runId)) return;
      while (waiting.length > 0) void send();
    },
  };
}
