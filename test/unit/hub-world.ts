/**
 * A small world around the hub, in which one play is one order of everything that can happen: workers that take the run
 * over from each other, freeze and come back, a store that loses the log or its tail, calls and replies that get lost,
 * feeds that drop and delay, somebody who stops the run, readers that take their time, go away and come back by cursor to
 * another process. Attempt log, hub, subscription and client are the real ones; Redis, Postgres and the network are models.
 *
 * Nothing here waits for time. Whatever would take a while waits for its turn instead, and the choices of the play say
 * whose turn it is; when nobody waits, or by choice before that, the clock moves on. After `faultsUntil` choices
 * the world is calm: everything happens in the order in which it was asked for. Whoever then still waits, waits for ever.
 */
import { createLogger } from '@holdfast/shared/logger.ts';
import { createMemoryRunLog } from '@holdfast/shared/run-log/memory.ts';
import {
  type RunLogReader,
  RunLogUnavailableError,
  type RunLogWriter,
} from '@holdfast/shared/run-log/run-log.ts';
import { createHub, type Hub } from '../../apps/api/src/hub/hub.ts';
import { RunLostError } from '../../apps/worker/src/attempt-log.ts';
import type { Clock } from './hub-clock.ts';
import { createChoose, type Play, textAtOf } from './hub-play.ts';
import { createReader, type Reader } from './hub-reader.ts';
import { createWorldStore } from './hub-store.ts';
import { runId, work } from './hub-worker.ts';

const hubCount = 2;
/** Nothing in the code under test waits longer than a second. */
const clockStepMs = 1_100;
/** Steps of the clock in which a calm world must have told every reader all that the log holds. */
const catchUpRounds = 6;
/** Whoever waits for so many of them is stuck. */
const calmRoundsMax = 60;
/** A hundred times what a play takes: whoever goes on then turns in circles. */
const turnsMax = 50_000;

/**
 * Lets everything go on that waits for nothing but promises: Node calls it back when none of them can go on. A turn of the
 * event loop would do the same, and be half of what a play costs.
 */
const settle = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));
const logger = createLogger('model', 'silent');

/** Plays to the end. Returns every promise that was broken, as sentences; and how many events readers were sent. */
export async function play(plan: Play, clock: Clock): Promise<{ violations: string[]; sent: number }> {
  const { choose, isCalm } = createChoose(plan);
  const fault = (percent: number): boolean => !plan.lossless && !isCalm() && choose(100) < percent;
  const waiting: (() => void)[] = [];
  const turn = (): Promise<void> => new Promise((resolve) => waiting.push(resolve));
  async function turns(count: number): Promise<void> {
    for (let left = count; left > 0; left--) await turn();
  }
  const violations: string[] = [];
  const violate = (sentence: string) => void violations.push(sentence);
  let isAway = false;
  let letEnd: (() => void) | null = null;
  const memory = createMemoryRunLog();
  const store = createWorldStore();
  const textAt = textAtOf(plan.attempts);

  /** A call over the network: it, or its reply, may be lost. */
  async function remote<T>(call: () => T | Promise<T>): Promise<T> {
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
      lookUpEnds: () => remote(() => new Map(store.ended ? [[runId, store.ended]] : [])),
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

  /** The world is calm and the run not over: every reader must have what the log holds. */
  async function checkCaughtUp(): Promise<void> {
    const [head] = await memory.heads([runId]);
    if (head) for (const reader of readers) if (!reader.comesLate) reader.checkCaughtUp(head.id);
  }

  let working = 0;
  async function claim(): Promise<void> {
    const attempt = store.claim();
    if (attempt === null) return;
    working += 1;
    try {
      const hasEnded = await work(attempt, {
        plan,
        runLog: log,
        store,
        turn,
        turns,
        toStore: remote,
        takeOver: () => void claim(),
        endIsDue: () =>
          new Promise((resolve) => {
            letEnd = resolve;
          }),
        onEnd() {
          isAway = plan.end === 'away';
        },
      });
      if (hasEnded) for (const reader of readers) if (reader.comesLate) reader.start();
    } catch (error) {
      if (!(error instanceof RunLostError) || attempt === plan.attempts.length)
        violate(`attempt ${attempt} ended with ${String(error)}`);
    } finally {
      working -= 1;
    }
  }

  async function lose(what: 'log' | 'tail'): Promise<void> {
    await turns(choose(60));
    if (what === 'log') return memory.lose(runId);
    const [head] = await memory.heads([runId]);
    if (head) memory.truncate(runId, choose(head.id.seq + 1));
  }

  async function cancel(after: number): Promise<void> {
    await turns(after);
    store.requestCancel();
    // A nudge: what is lost of it, the next renewal of the lease makes good.
    await log.requestCancel(runId).catch(() => undefined);
  }

  const hubs = Array.from({ length: hubCount }, createWorldHub);
  const readers: Reader[] = plan.readers.map((readerPlan) =>
    createReader(readerPlan, {
      subscribe: (cursor, sink) => (hubs[choose(hubCount)] as Hub).subscribe(runId, cursor, sink),
      turn,
      fault,
      choose,
      textAt,
      storedEnd: () => store.ended?.end ?? null,
      violate,
    }),
  );
  void claim();
  if (plan.cancelAfter !== null) void cancel(plan.cancelAfter);
  for (const what of plan.losses) void lose(what);
  for (const reader of readers) if (!reader.comesLate) reader.start();

  await settle();
  let turnsTaken = 0;
  for (let calmRounds = 0; calmRounds < calmRoundsMax && violations.length === 0; ) {
    turnsTaken += 1;
    if (turnsTaken > turnsMax) violate('the world does not come to rest');
    if (waiting.length > 0 && !fault(4)) {
      waiting.splice(choose(waiting.length), 1)[0]?.();
    } else {
      if (working === 0 && readers.every((reader) => reader.ended)) break;
      if (isCalm()) calmRounds += 1;
      else choose(1); // a world in which nobody moves becomes calm, too
      if (letEnd && (plan.lossless || calmRounds >= catchUpRounds)) {
        calmRounds = 0;
        await checkCaughtUp();
        (letEnd as () => void)();
        letEnd = null;
      } else if (plan.lossless) {
        break;
      }
      if (!plan.lossless) clock.advance(clockStepMs);
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
  clock.clear();
  return { violations, sent: readers.reduce((sum, reader) => sum + reader.received, 0) };
}
