/**
 * The hub follows run logs once per API process, however many people read them. Pub/sub gives the speed, the log gives
 * the truth: an event that is not the next one makes a reader read the log, and a log that is quiet is compared with
 * Redis, then with Postgres, so that nothing that was lost on the way leaves anybody waiting.
 */
import { backoffMs, sleep } from '@holdfast/shared/abort.ts';
import type { Logger } from '@holdfast/shared/logger.ts';
import type { QueuePosition } from '@holdfast/shared/protocol/queue-position.ts';
import type { RunLogFeed, RunLogFeedHandlers, RunLogReader } from '@holdfast/shared/run-log/run-log.ts';
import type { EndedRun } from '@holdfast/shared/store/runs.ts';
import { createGate } from './gate.ts';
import { createPageReader } from './page-reader.ts';
import type { Cursor, Sink, Subscription } from './reader.ts';
import { createSubscription } from './subscription.ts';

/** History reads under way at once: more do not make a reconnect storm shorter, only bigger in memory. */
const readsMax = 64;

/** A log that was silent for so long is compared with Redis and Postgres; again after each such time. */
const quietMs = 1_000;

/** Logs in one comparison: one Redis round trip and one query each. */
const comparedMax = 500;

export interface HubOptions {
  readonly runLog: RunLogReader;
  readonly createFeed: (handlers: RunLogFeedHandlers) => RunLogFeed;
  /** Which of these runs ended, by the database. */
  readonly lookUpEnds: (runIds: readonly string[]) => Promise<Map<string, EndedRun>>;
  /** Tells where a run stands that waits for its turn, until the returned function is called. Without it, nobody is told. */
  readonly watchPosition?: WatchPosition;
  readonly logger: Logger;
}

export type WatchPosition = (runId: string, onPosition: (position: QueuePosition) => void) => () => void;

export interface Hub {
  /** Follows a run from a cursor into a sink, until its end or until the subscription is closed. */
  subscribe(runId: string, cursor: Cursor, sink: Sink): Subscription;
  /** Runs that are followed now. */
  readonly runCount: number;
  close(): void;
}

/** A run that is followed, and everybody who reads it here. */
interface Tail {
  readonly subscriptions: Set<Subscription>;
  readonly stopped: AbortController;
  readonly listening: Promise<void>;
  lastEventAt: number;
}

export function createHub({ runLog, createFeed, lookUpEnds, watchPosition, logger }: HubOptions): Hub {
  const tails = new Map<string, Tail>();
  const gate = createGate(readsMax);
  const readPage = createPageReader(runLog, gate);

  const feed = createFeed({
    onEvent(runId, event) {
      const tail = tails.get(runId);
      if (!tail) return;
      tail.lastEventAt = performance.now();
      for (const subscription of tail.subscriptions) subscription.offer(event);
    },
    onInterruption() {
      for (const tail of tails.values()) for (const subscription of tail.subscriptions) subscription.reread();
    },
  });

  /** Resolves when the feed hears the run, or when nobody wants to hear it any more. */
  async function listen(runId: string, stopped: AbortSignal): Promise<void> {
    for (let tries = 0; !stopped.aborted; tries += 1) {
      try {
        return await feed.listen(runId);
      } catch (error) {
        if (tries === 0) logger.warn({ err: error, runId }, 'cannot hear a run log; trying on');
        await sleep(backoffMs(tries, 100, quietMs), stopped);
      }
    }
  }

  function openTail(runId: string): Tail {
    const stopped = new AbortController();
    const tail: Tail = {
      subscriptions: new Set(),
      stopped,
      listening: listen(runId, stopped.signal),
      lastEventAt: performance.now(),
    };
    tails.set(runId, tail);
    return tail;
  }

  function leave(runId: string, tail: Tail, subscription: Subscription): void {
    tail.subscriptions.delete(subscription);
    if (tail.subscriptions.size > 0) return;
    tail.stopped.abort();
    tails.delete(runId);
    feed.unlisten(runId);
  }

  /** Compares quiet logs with Redis: what pub/sub lost is read from the log. Leaves those where nothing new was found. */
  async function compareWithLogs(runIds: readonly string[]): Promise<void> {
    const heads = await runLog.heads(runIds);
    runIds.forEach((runId, index) => {
      const head = heads[index];
      if (head) for (const subscription of tails.get(runId)?.subscriptions ?? []) subscription.compare(head);
    });
  }

  /** Asks Postgres about quiet logs: a run may have ended while Redis lost its log, or before its end was appended. */
  async function compareWithStore(runIds: readonly string[]): Promise<void> {
    for (const [runId, ended] of await lookUpEnds(runIds)) {
      for (const subscription of tails.get(runId)?.subscriptions ?? []) {
        if (subscription.waitsForLog) subscription.finish(ended);
      }
    }
  }

  async function compareQuietLogs(): Promise<void> {
    const quietSince = performance.now() - quietMs;
    const quiet = [...tails].filter(([, tail]) => tail.lastEventAt < quietSince).map(([runId]) => runId);
    for (let at = 0; at < quiet.length; at += comparedMax) {
      const runIds = quiet.slice(at, at + comparedMax);
      // Either side may be down; the other one can still help.
      await Promise.allSettled([compareWithLogs(runIds)]);
      await Promise.allSettled([compareWithStore(runIds)]);
    }
  }

  let comparing = false;
  const timer = setInterval(() => {
    if (comparing) return;
    comparing = true;
    compareQuietLogs()
      .catch((error: unknown) => logger.error({ err: error }, 'comparing quiet logs failed'))
      .finally(() => {
        comparing = false;
      });
  }, quietMs);
  timer.unref();

  return {
    get runCount() {
      return tails.size;
    },
    subscribe(runId, cursor, sink) {
      const tail = tails.get(runId) ?? openTail(runId);
      const subscription: Subscription = createSubscription({
        runId,
        cursor,
        runLog,
        sink,
        gate,
        readPage,
        listening: tail.listening,
        lookUpEnd: async (id) => (await lookUpEnds([id])).get(id),
        watchPosition: (onPosition) => watchPosition?.(runId, onPosition) ?? (() => {}),
        onError: (error) => logger.warn({ err: error, runId }, 'cannot read a run log; trying on'),
        onClose: () => leave(runId, tail, subscription),
      });
      tail.subscriptions.add(subscription);
      return subscription;
    },
    close() {
      clearInterval(timer);
      for (const tail of tails.values()) for (const subscription of tail.subscriptions) subscription.close();
    },
  };
}
