/**
 * A small world around the hub, in which one play is one order of everything that can happen: workers that take the run
 * over from each other, a store that loses the log or its tail, calls and replies that get lost, feeds that drop and
 * delay, readers that take their time, go away and come back by cursor to another process.
 *
 * Nothing here waits for time. Whatever would take a while waits for its turn instead, and the choices of the play say
 * whose turn it is; when nobody waits, or by choice before that, the (faked) clock moves on. After `faultsUntil` choices
 * the world is calm: everything happens in the order in which it was asked for. Whoever then still waits, waits for ever.
 */
import { createLogger } from '@holdfast/shared/logger.ts';
import type { RunEnd } from '@holdfast/shared/protocol/run-event.ts';
import { createMemoryRunLog } from '@holdfast/shared/run-log/memory.ts';
import {
  type RunLogReader,
  RunLogUnavailableError,
  type RunLogWriter,
} from '@holdfast/shared/run-log/run-log.ts';
import type { EndedRun } from '@holdfast/shared/store/runs.ts';
import { vi } from 'vitest';
import { createHub, type Hub } from '../../apps/api/src/hub/hub.ts';
import { createAttemptLog, RunLostError } from '../../apps/worker/src/attempt-log.ts';
import { type AttemptPlan, createChoose, type Play, textAtOf, wordsOf } from './hub-play.ts';
import { createReader, type Reader } from './hub-reader.ts';

const runId = 'run';
const hubCount = 2;
/** Nothing in the code under test waits longer than a second. */
const clockStepMs = 1_100;
/** Steps of the clock in which a calm world must have told every reader all that the log holds. */
const catchUpRounds = 6;
/** Whoever waits for so many of them is stuck. */
const calmRoundsMax = 60;

/** Real, also while timers are faked: lets everything go on that needs nothing but the event loop. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const logger = createLogger('model', 'silent');

/** Plays to the end. Returns every promise that was broken, as sentences; and how many events readers were sent. */
export async function play(plan: Play): Promise<{ violations: string[]; sent: number }> {
  const { choose, isCalm } = createChoose(plan);
  const fault = (percent: number): boolean => !isCalm() && choose(100) < percent;
  const waiting: (() => void)[] = [];
  const turn = (): Promise<void> => new Promise((resolve) => waiting.push(resolve));
  const violations: string[] = [];
  const violate = (sentence: string) => void violations.push(sentence);
  let isAway = false;
  let letEnd: (() => void) | null = null;
  const memory = createMemoryRunLog();
  const ends = new Map<string, EndedRun>();
  const textAt = textAtOf(plan.attempts);

  /** A call over the network: it, or its reply, may be lost. */
  async function remote<T>(call: () => Promise<T>): Promise<T> {
    await turn();
    if (fault(6)) throw new RunLogUnavailableError('the call was lost');
    const result = await call();
    await turn();
    if (fault(6)) throw new RunLogUnavailableError('the reply was lost');
    return result;
  }
  async function toLog<T>(call: () => Promise<T>): Promise<T> {
    if (isAway) await turn();
    if (isAway) throw new RunLogUnavailableError('the log is away');
    return remote(call);
  }
  const log: RunLogReader & RunLogWriter = {
    open: (...args) => toLog(() => memory.open(...args)),
    append: (...args) => toLog(() => memory.append(...args)),
    requestCancel: (...args) => toLog(() => memory.requestCancel(...args)),
    read: (...args) => toLog(() => memory.read(...args)),
    heads: (...args) => toLog(() => memory.heads(...args)),
  };

  function createWorldHub(): Hub {
    return createHub({
      runLog: log,
      logger,
      lookUpEnds: (ids) =>
        remote(async () => new Map(ids.flatMap((id) => [...ends].filter(([ended]) => ended === id)))),
      createFeed(handlers) {
        // Pub/sub keeps the order of what it delivers.
        const onItsWay: (() => void)[] = [];
        const feed = memory.feed({
          onEvent(id, event) {
            if (fault(20)) return;
            onItsWay.push(() => handlers.onEvent(id, event));
            void turn().then(() => onItsWay.shift()?.());
            if (!fault(5)) return;
            onItsWay.length = 0;
            void turn().then(() => handlers.onInterruption());
          },
          onInterruption: () => undefined,
        });
        return { listen: (id) => toLog(() => feed.listen(id)), unlisten: feed.unlisten };
      },
    });
  }

  /** One worker that holds the run for one attempt; the next one starts in the middle of it. */
  async function work(attempt: number): Promise<void> {
    const { deltas, takenOverAfter, dies } = plan.attempts[attempt - 1] as AttemptPlan;
    const isLast = attempt === plan.attempts.length;
    const lost = new AbortController();
    const attemptLog = createAttemptLog({
      runLog: log,
      runId,
      attempt,
      lost: lost.signal,
      isNewestAttempt: async () => attempt === newestAttempt,
      onCancelRequested: () => violate('somebody cancelled'),
    });
    /** Returns whether this worker is dead now. */
    function takeOver(written: number): boolean {
      if (isLast || written !== takenOverAfter) return false;
      void run(attempt + 1);
      // Its lease keeper tells it, sooner or later.
      void turn()
        .then(turn)
        .then(() => lost.abort());
      return dies;
    }
    if (takeOver(-1)) return;
    await attemptLog.open(
      attempt === 1
        ? { type: 'started', data: { runId, model: 'm' } }
        : { type: 'snapshot', data: { text: '' } },
    );
    if (takeOver(0)) return;
    for (let seq = 1; seq <= deltas; seq++) {
      await attemptLog.append({ type: 'delta', data: { text: wordsOf(attempt, seq) } });
      if (takeOver(seq)) return;
    }
    if (!isLast) return;
    const end: RunEnd = {
      id: { attempt, seq: attemptLog.nextSeq },
      event: { type: 'completed', data: { messageId: 'm', finishReason: 'stop', usage: null } },
    };
    await new Promise<void>((resolve) => {
      letEnd = resolve;
    });
    ends.set(runId, { end, text: textAt({ attempt, seq: deltas }) ?? '' });
    isAway = plan.end === 'away';
    await turn();
    if (plan.end === 'appended') await attemptLog.append(end.event);
  }

  /** The world is calm and the run not over: every reader must have what the log holds. */
  async function checkCaughtUp(): Promise<void> {
    const [head] = await memory.heads([runId]);
    if (head) for (const reader of readers) if (!reader.comesLate) reader.checkCaughtUp(head.id);
  }

  let working = 0;
  let newestAttempt = 0;
  async function run(attempt: number): Promise<void> {
    working += 1;
    newestAttempt = attempt;
    try {
      await work(attempt);
      if (attempt === plan.attempts.length)
        for (const reader of readers) if (reader.comesLate) reader.start();
    } catch (error) {
      if (!(error instanceof RunLostError) || attempt === plan.attempts.length)
        violate(`attempt ${attempt} ended with ${String(error)}`);
    } finally {
      working -= 1;
    }
  }

  async function lose(what: 'log' | 'tail'): Promise<void> {
    for (let turns = choose(60); turns > 0; turns--) await turn();
    if (what === 'log') return memory.lose(runId);
    const [head] = await memory.heads([runId]);
    if (head) memory.truncate(runId, choose(head.id.seq + 1));
  }

  const hubs = Array.from({ length: hubCount }, createWorldHub);
  const readers: Reader[] = plan.readers.map((readerPlan) =>
    createReader(readerPlan, {
      subscribe: (cursor, sink) => (hubs[choose(hubCount)] as Hub).subscribe(runId, cursor, sink),
      turn,
      fault,
      choose,
      textAt,
      violate,
    }),
  );
  void run(1);
  for (const what of plan.losses) void lose(what);
  for (const reader of readers) if (!reader.comesLate) reader.start();

  await settle();
  for (let calmRounds = 0; calmRounds < calmRoundsMax; ) {
    if (waiting.length > 0 && !fault(4)) {
      waiting.splice(choose(waiting.length), 1)[0]?.();
    } else {
      if (working === 0 && readers.every((reader) => reader.ended)) break;
      if (isCalm()) calmRounds += 1;
      else choose(1); // a world in which nobody moves becomes calm, too
      if (letEnd && calmRounds >= catchUpRounds) {
        calmRounds = 0;
        await checkCaughtUp();
        (letEnd as () => void)();
        letEnd = null;
      }
      vi.advanceTimersByTime(clockStepMs);
    }
    await settle();
  }

  if (working > 0) violate('a worker waits for ever');
  readers.forEach((reader, n) => {
    if (!reader.ended) violate(`reader ${n} waits for ever, with "${reader.text}"`);
  });
  for (const hub of hubs) {
    if (violations.length === 0 && hub.runCount > 0) violate('a hub follows a run that nobody reads');
    hub.close();
  }
  return { violations, sent: readers.reduce((sum, reader) => sum + reader.received, 0) };
}
