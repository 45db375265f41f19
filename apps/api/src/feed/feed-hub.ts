/**
 * Follows the feeds of all users who have a connection to `/api/events` in this process. Nudges give the speed, Postgres
 * the truth: feeds that somebody waits for are compared with it every second, so that a lost nudge costs a second.
 */
import type { Logger } from '@holdfast/shared/logger.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import { feedHeads, readFeed } from '@holdfast/shared/store/user-feed.ts';
import { tellEvents } from '@holdfast/shared/store/user-feed-events.ts';
import type { NudgeHandlers } from '@holdfast/shared/sync/feed-bell.ts';
import { createGate } from '../hub/gate.ts';
import type { Hub } from '../hub/hub.ts';
import type { Positions } from '../queue/positions.ts';
import { createFeedSession, type FeedSession, type FeedSink, type FeedStart } from './feed-session.ts';
import { createFeedTail, type FeedPage, type FeedTail } from './feed-tail.ts';

/** Pages read at once: each may hold a quarter of a megabyte of text, and takes a Postgres connection. */
const readsMax = 8;

/** How often feeds are compared with Postgres. */
const compareMs = 1_000;

/** Users in one comparison: one query each. */
const comparedMax = 1_000;

export interface FeedHubOptions {
  readonly store: Store;
  readonly hub: Hub;
  readonly positions: Pick<Positions, 'watch'>;
  /** Passes on the nudges of whoever records events. */
  readonly listen: (handlers: NudgeHandlers) => void;
  readonly logger: Logger;
}

export interface FeedHub {
  /** Follows a user's feed into a sink until the session is closed. */
  follow(start: FeedStart, sink: FeedSink): FeedSession;
  /** Users whose feeds are followed now. */
  readonly userCount: number;
  close(): void;
}

interface FollowedFeed {
  readonly tail: FeedTail;
  readonly sessions: Set<FeedSession>;
}

export function createFeedHub({ store, hub, positions, listen, logger }: FeedHubOptions): FeedHub {
  const feeds = new Map<string, FollowedFeed>();
  const gate = createGate(readsMax);

  async function readPage(userId: string, after: number): Promise<FeedPage> {
    const page = await readFeed(store, userId, after);
    const events = await tellEvents(store, userId, page.events);
    return { ...page, events, end: page.events.at(-1)?.seq ?? after };
  }

  listen({
    onNudge(userIds) {
      for (const userId of userIds) feeds.get(userId)?.tail.grow();
    },
    onInterruption() {
      for (const { tail } of feeds.values()) tail.grow();
    },
  });

  async function compare(): Promise<void> {
    const waiting = [...feeds]
      .filter(([, { sessions }]) => [...sessions].some((session) => session.waitsAt !== null))
      .map(([userId]) => userId);
    for (let at = 0; at < waiting.length; at += comparedMax) {
      for (const [userId, head] of await feedHeads(store, waiting.slice(at, at + comparedMax))) {
        const feed = feeds.get(userId);
        if (feed && [...feed.sessions].some(({ waitsAt }) => waitsAt !== null && waitsAt !== head)) {
          feed.tail.grow();
        }
      }
    }
  }

  let comparing = false;
  const timer = setInterval(() => {
    if (comparing) return;
    comparing = true;
    compare()
      .catch((error: unknown) => logger.warn({ err: error }, 'cannot compare feeds; trying on'))
      .finally(() => {
        comparing = false;
      });
  }, compareMs);
  timer.unref();

  return {
    get userCount() {
      return feeds.size;
    },
    follow(start, sink) {
      const { userId } = start;
      let feed = feeds.get(userId);
      if (!feed) {
        feed = {
          tail: createFeedTail((after) => gate(() => readPage(userId, after))),
          sessions: new Set(),
        };
        feeds.set(userId, feed);
      }
      const { tail, sessions } = feed;
      const session = createFeedSession(start, {
        sink,
        tail,
        store,
        hub,
        positions,
        onError: (error) => logger.warn({ err: error }, 'cannot read a feed; trying on'),
        onClose: () => {
          sessions.delete(session);
          if (sessions.size === 0 && feeds.get(userId)?.sessions === sessions) feeds.delete(userId);
        },
      });
      sessions.add(session);
      return session;
    },
    close() {
      clearInterval(timer);
      for (const { sessions } of feeds.values()) for (const session of sessions) session.close();
    },
  };
}
