/**
 * One connection to `/api/events`: the user's feed from a position on, in order, with the events of followed runs between.
 *
 * reading  pages of the feed are read and delivered at the reader's own pace
 * waiting  the reader has everything; the next sign of the tail makes it read again
 * closed   nothing is delivered again
 *
 * The order that clients rely on: `run.queued` before the run's events, and `run.ended` after the last of them.
 */
import { backoffMs, sleep } from '@holdfast/shared/abort.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import { type FeedOpening, openFeed, visibleConversations } from '@holdfast/shared/store/user-feed.ts';
import type { ToldUserEvent } from '@holdfast/shared/store/user-feed-events.ts';
import { type FeedCursor, formatFeedCursor } from '@holdfast/shared/sync/feed-cursor.ts';
import type { Hub } from '../hub/hub.ts';
import type { Positions } from '../queue/positions.ts';
import { feedFrame, runEventJson } from './feed-frame.ts';
import type { FeedTail } from './feed-tail.ts';
import { createFollowedRuns } from './followed-runs.ts';
import { createWaitingRuns } from './waiting-runs.ts';

/** Waits between reads of a feed that cannot be read now. */
const rereadMsMin = 100;
const rereadMsMax = 2_000;

/** Where a connection begins. */
export interface FeedStart {
  readonly userId: string;
  /** Conversations whose runs are followed as long as the user sees them. */
  readonly follow: readonly string[];
  /** null: none, it begins with now. `unknown`: one that nobody can read. */
  readonly cursor: FeedCursor | null | 'unknown';
  /** What was there when the connection began. */
  readonly opening: FeedOpening;
}

/** Where frames go: a connection. */
export interface FeedSink {
  readonly full: boolean;
  sendFrame(frame: Buffer): void;
  whenWritable(): Promise<void>;
  end(): void;
}

export interface FeedSession {
  /** The position at which it waits for the feed to grow; null while it does something else. */
  readonly waitsAt: number | null;
  close(): void;
}

export interface FeedSessionDeps {
  readonly sink: FeedSink;
  readonly tail: FeedTail;
  readonly store: Store;
  readonly hub: Pick<Hub, 'subscribe'>;
  readonly positions: Pick<Positions, 'watch'>;
  readonly onError: (error: unknown) => void;
  readonly onClose: () => void;
}

export function createFeedSession(start: FeedStart, deps: FeedSessionDeps): FeedSession {
  const { userId } = start;
  const { sink, tail, store } = deps;
  const followed = new Set(start.follow);
  const stopped = new AbortController();
  let closed = false;
  let waitsAt: number | null = null;
  let position = 0;
  /** Unfinished runs that were seen when the feed stood at `head`: to be followed once the reader has come so far. */
  let openings: FeedOpening[] = [];

  const runs = createFollowedRuns(deps.hub, {
    get full() {
      return sink.full;
    },
    send: (conversationId, runId, event) => send('run.event', runEventJson(conversationId, runId, event)),
    whenWritable: () => sink.whenWritable(),
  });
  const waitingRuns = createWaitingRuns(deps.positions, (json) => {
    if (!sink.full) sink.sendFrame(feedFrame('run.position', json, null));
  });

  function send(type: Parameters<typeof feedFrame>[0], json: string): void {
    sink.sendFrame(feedFrame(type, json, formatFeedCursor({ seq: position, runs: runs.places })));
  }

  /** Says where the connection begins, or begins again. */
  function begin(type: 'ready' | 'resync', at: number): void {
    position = at;
    send(type, '{}');
  }

  function beginAtStart(): void {
    const { cursor, opening } = start;
    const { head, trimmedTo } = opening;
    openings.push(opening);
    if (cursor === null) {
      begin('ready', head);
    } else if (cursor === 'unknown' || cursor.seq > head || cursor.seq < trimmedTo) {
      begin('resync', head);
    } else {
      for (const run of opening.runs) {
        const id = cursor.runs.get(run.id);
        // What the reader has of this run it goes on with, also when that has ended meanwhile.
        if (id && followed.has(run.conversationId)) {
          runs.follow({ ...run, waits: false }, { kind: 'after', id });
        }
      }
      begin('ready', cursor.seq);
    }
    followOpenings();
  }

  function followOpenings(): void {
    if (openings.length === 0) return;
    const reached = openings.filter(({ head }) => head <= position);
    openings = openings.filter(({ head }) => head > position);
    for (const run of reached.flatMap((opening) => opening.runs)) {
      if (run.status === 'running' || run.status === 'queued') followRun(run);
    }
  }

  function followRun(run: { id: string; conversationId: string; userId: string; status: string }): void {
    const waits = run.status === 'queued';
    if (waits && run.userId === userId) waitingRuns.watch(run);
    if (followed.has(run.conversationId)) runs.follow({ ...run, waits }, { kind: 'start' });
  }

  function leave(conversationId: string): void {
    runs.leave(conversationId);
    waitingRuns.leave(conversationId);
    openings = openings.map((opening) => ({
      ...opening,
      runs: opening.runs.filter((run) => run.conversationId !== conversationId),
    }));
  }

  async function deliver(event: ToldUserEvent): Promise<void> {
    const { type, conversationId, run } = event;
    if (type === 'run.ended' && run && runs.has(run.id)) await waitFor(runs.whenOver(run.id));
    if (closed) return;
    if (type === 'conversation.removed') leave(conversationId);
    position = event.seq;
    if (type === 'run.ended' && run) runs.forget(run.id);
    if (type !== 'run.queued' && run) waitingRuns.forget(run.id);
    send(type, event.json);
    followOpenings();
    if (type === 'conversation.added' && followed.has(conversationId)) {
      // They are back in a conversation that this connection follows: it may be answering.
      openings.push(await openFeed(store, userId, [conversationId], []));
      followOpenings();
    } else if (run && type !== 'run.ended' && (run.status === 'queued' || run.status === 'running')) {
      followRun({ id: run.id, conversationId, userId: run.user_id, status: run.status });
    }
  }

  /** Reads one page and delivers what the reader takes of it. Returns whether the reader now has everything. */
  async function readPage(): Promise<boolean> {
    const page = await tail.read(position);
    if (closed) return true;
    if (position < page.trimmedTo || position > page.head) {
      runs.leaveAll();
      openings = [await openFeed(store, userId, start.follow, [])];
      if (closed) return true;
      begin('resync', openings[0]?.head ?? page.head);
      followOpenings();
      return false;
    }
    for (const event of page.events) {
      if (sink.full) return false;
      // What lies between was left out.
      position = event.seq - 1;
      followOpenings();
      await deliver(event);
      if (closed) return true;
    }
    position = page.end;
    followOpenings();
    return !page.more;
  }

  /**
   * Waits, and looks meanwhile at each sign whether the user still sees what is followed: a slow reader must not be sent
   * what it may not see any more, however late it takes it.
   */
  async function waitFor(what: Promise<void>): Promise<void> {
    let over = false;
    const waited = what.then(() => {
      over = true;
    });
    while (!over && !closed) {
      const { signs } = tail;
      const waiting = new AbortController();
      await Promise.race([waited, tail.whenGrown(signs, waiting.signal)]);
      waiting.abort();
      if (over || closed || runs.count === 0) continue;
      const visible = await visibleConversations(store, userId, start.follow);
      for (const conversationId of start.follow) if (!visible.includes(conversationId)) leave(conversationId);
    }
  }

  async function read(): Promise<void> {
    let failures = 0;
    while (!closed) {
      try {
        while (sink.full && !closed) await waitFor(sink.whenWritable());
        const { signs } = tail;
        const hasAll = await readPage();
        failures = 0;
        if (!hasAll || closed) continue;
        waitsAt = position;
        await tail.whenGrown(signs, stopped.signal);
        waitsAt = null;
      } catch (error) {
        if (failures === 0) deps.onError(error);
        await sleep(backoffMs(failures++, rereadMsMin, rereadMsMax), stopped.signal);
      }
    }
  }

  function close(): void {
    if (closed) return;
    closed = true;
    stopped.abort();
    runs.leaveAll();
    waitingRuns.leaveAll();
    deps.onClose();
  }

  beginAtStart();
  void read();

  return {
    get waitsAt() {
      return waitsAt;
    },
    close,
  };
}
