import type { Redis } from 'ioredis';
import { runKeys } from './keys.ts';
import { createLeanConnection } from './lean-connection.ts';
import { toLoggedEvent } from './logged-event.ts';
import type { Reply } from './reply-decoder.ts';
import type { RunLogFeed, RunLogFeedHandlers } from './run-log.ts';

/** A new connection means that every reader reads its log again: not for every pause of Redis. */
const replyMsMax = 5_000;

export interface RedisRunLogFeedOptions {
  /** Becomes the feed's own: it answers no other command any more. */
  readonly redis: Redis;
  readonly prefix: string;
}

/** Live events over one subscriber connection, however many runs it listens to. */
export function createRedisRunLogFeed(
  { redis, prefix }: RedisRunLogFeedOptions,
  handlers: RunLogFeedHandlers,
): RunLogFeed {
  const runIdOfChannel = new Map<string, string>();

  function takeMessage(reply: Reply): boolean {
    if (!Array.isArray(reply) || reply[0] !== 'message') return false;
    const [, channel, message] = reply as [string, string, string];
    const runId = runIdOfChannel.get(channel);
    if (runId === undefined) return true;
    const typeAt = message.indexOf(' ');
    const jsonAt = message.indexOf(' ', typeAt + 1);
    handlers.onEvent(
      runId,
      toLoggedEvent(message.slice(0, typeAt), message.slice(typeAt + 1, jsonAt), message.slice(jsonAt + 1)),
    );
    return true;
  }

  /** What was published while there was no connection is lost: from this answer on nothing is, and the log has the rest. */
  function listenAgain(): void {
    const channels = [...runIdOfChannel.keys()];
    if (channels.length === 0) return;
    connection.send([['subscribe', ...channels]], channels.length).then(
      () => handlers.onInterruption(),
      // The connection broke again; it will be ready again, too.
      () => undefined,
    );
  }

  const connection = createLeanConnection(redis, {
    replyMsMax,
    onPush: takeMessage,
    onReady: listenAgain,
  });

  return {
    async listen(runId) {
      const { channel } = runKeys(prefix, runId);
      runIdOfChannel.set(channel, runId);
      await connection.send([['subscribe', channel]], 1);
    },
    unlisten(runId) {
      const { channel } = runKeys(prefix, runId);
      runIdOfChannel.delete(channel);
      // Best effort: an unsubscribe that is lost with the connection is not subscribed anew either.
      connection.send([['unsubscribe', channel]], 1).catch(() => undefined);
    },
  };
}
