/**
 * Tells API processes that something was recorded in the feeds of some users, so that these are read at once. A nudge
 * carries no event and may be lost: feeds that somebody reads are compared with Postgres every second or so.
 */
import type { Redis } from 'ioredis';
import type { Logger } from '../logger.ts';
import { feedsChannel } from '../run-log/keys.ts';
import type { Store } from '../store/database.ts';
import { membersOf } from '../store/user-feed.ts';

export interface FeedBell {
  /**
   * Nudges whoever reads the feeds of a conversation's members, and of these users besides (those who are no longer
   * members). Call it after the commit. Never throws, and nothing waits for it.
   */
  ring(conversationId: string | null, userIds?: readonly string[]): void;
}

export interface FeedBellOptions {
  readonly redis: Redis;
  readonly prefix: string;
  readonly store: Store;
  readonly logger: Logger;
}

/** Rings that come while one is under way go out together with the next one. */
export function createFeedBell({ redis, prefix, store, logger }: FeedBellOptions): FeedBell {
  let conversationIds = new Set<string>();
  let userIds = new Set<string>();
  let ringing = false;

  async function publish(): Promise<void> {
    const conversations = [...conversationIds];
    const users = userIds;
    conversationIds = new Set();
    userIds = new Set();
    if (conversations.length > 0) for (const id of await membersOf(store, conversations)) users.add(id);
    if (users.size > 0) await redis.publish(feedsChannel(prefix), [...users].join(','));
  }

  async function publishAll(): Promise<void> {
    ringing = true;
    try {
      while (conversationIds.size > 0 || userIds.size > 0) await publish();
    } catch (error) {
      logger.debug({ err: error }, 'a nudge was lost; the comparison makes up for it');
    } finally {
      ringing = false;
    }
  }

  return {
    ring(conversationId, others = []) {
      if (conversationId !== null) conversationIds.add(conversationId);
      for (const userId of others) userIds.add(userId);
      if (!ringing) void publishAll();
    },
  };
}

export interface NudgeHandlers {
  onNudge(userIds: readonly string[]): void;
  /** Nudges may have been missed. */
  onInterruption(): void;
}

/** Hears nudges over a subscriber connection, which may serve other channels, too. Never rejects: it goes on trying. */
export function listenForNudges(
  { redis, prefix }: Pick<FeedBellOptions, 'redis' | 'prefix'>,
  handlers: NudgeHandlers,
): void {
  const channel = feedsChannel(prefix);
  const subscribe = () => {
    redis.subscribe(channel).then(
      () => handlers.onInterruption(),
      // The connection broke again; `ready` comes again, too.
      () => undefined,
    );
  };
  redis.on('message', (from: string, message: string) => {
    if (from === channel) handlers.onNudge(message.split(','));
  });
  redis.on('ready', subscribe);
  subscribe();
}
