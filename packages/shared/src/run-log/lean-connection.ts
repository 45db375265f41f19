/**
 * A Redis connection whose replies are read by our own decoder. ioredis makes it, with all that belongs to that (URL,
 * TLS, password, reconnection); once it is ready, its data comes here. A connection that is used like this takes no
 * commands of ioredis any more: their replies would never be found.
 *
 * away   not connected, or connected anew and not ready yet: nothing can be sent
 * ready  commands are sent, and replies come in the order of the commands, besides what was subscribed to
 */
import type { Redis } from 'ioredis';
import { createReplyDecoder, RedisReplyError, type Reply } from './reply-decoder.ts';
import { RunLogUnavailableError } from './run-log.ts';
import type { RedisCommand, Transact } from './transact.ts';

/** Somebody waits for a page of a log, and can try again: as short as with every other command. */
const replyMsMaxDefault = 1_500;

export interface LeanConnection {
  /**
   * Sends commands in one write and resolves with the last of `replies` replies. Rejects with RunLogUnavailableError when
   * that is an error, and when the connection is away, breaks or is silent for too long.
   */
  send(commands: readonly RedisCommand[], replies: number): Promise<Reply>;
  /** See Transact. */
  readonly transact: Transact;
}

export interface LeanConnectionOptions {
  /**
   * After so long without a reply the connection is replaced: replies have no names, so one that never comes would be
   * mistaken for the next one.
   */
  readonly replyMsMax?: number;
  /** Connected, for the first time or again. */
  readonly onReady?: () => void;
  /** Takes what may be the answer to no command; returns whether it was. */
  readonly onPush?: (reply: Reply) => boolean;
}

interface Waiting {
  missing: number;
  readonly sentAt: number;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** Takes over a connection of ioredis; see above. */
export function createLeanConnection(
  redis: Redis,
  { replyMsMax = replyMsMaxDefault, onReady, onPush }: LeanConnectionOptions = {},
): LeanConnection {
  let waiting: Waiting[] = [];
  let timer: NodeJS.Timeout | null = null;
  let unsent = '';

  function takeReply(reply: Reply): void {
    if (onPush?.(reply)) return;
    const first = waiting[0];
    if (!first) throw new Error('Redis answered what nobody asked');
    first.missing -= 1;
    if (first.missing > 0) return;
    waiting.shift();
    if (!(reply instanceof RedisReplyError)) {
      first.resolve(reply);
      return;
    }
    first.reject(notNow(reply.message, reply));
    // A primary that was demoted says so for ever; only a new connection finds the new primary.
    if (reply.message.startsWith('READONLY')) redis.stream.destroy();
  }

  function takeOver(): void {
    const { stream } = redis;
    const decode = createReplyDecoder(takeReply);
    stream.removeAllListeners('data');
    stream.on('data', (chunk: Buffer) => {
      try {
        decode(chunk);
      } catch (error) {
        stream.destroy(error instanceof Error ? error : new Error(String(error)));
      }
    });
    onReady?.();
  }

  function loseAll(): void {
    const lost = waiting;
    waiting = [];
    for (const { reject } of lost) reject(notNow('the connection to Redis broke'));
  }

  function write(): void {
    const text = unsent;
    unsent = '';
    // What is not sent any more has been rejected with the connection.
    if (redis.status === 'ready') redis.stream.write(text);
  }

  /** One timer for all: replies come in order, so the first one is the oldest. */
  function watchSilence(): void {
    if (timer) return;
    timer = setTimeout(() => {
      timer = null;
      const [oldest] = waiting;
      if (!oldest) return;
      if (performance.now() - oldest.sentAt > replyMsMax)
        redis.stream.destroy(new Error('Redis does not answer'));
      else watchSilence();
    }, replyMsMax / 2);
    timer.unref();
  }

  redis.on('ready', takeOver);
  redis.on('close', loseAll);
  if (redis.status === 'ready') takeOver();

  function send(commands: readonly RedisCommand[], replies: number): Promise<Reply> {
    if (redis.status !== 'ready') return Promise.reject(notNow('there is no connection to Redis'));
    return new Promise((resolve, reject) => {
      waiting.push({ missing: replies, sentAt: performance.now(), resolve, reject });
      // What one turn asks for leaves in one write: each costs more than the commands in it.
      if (unsent === '') process.nextTick(write);
      for (const command of commands) unsent += encodeCommand(command);
      watchSilence();
    });
  }

  return {
    send,
    async transact(commands) {
      const replies = (await send([['multi'], ...commands, ['exec']], commands.length + 2)) as Reply[];
      const failed = replies.find((reply) => reply instanceof RedisReplyError);
      if (failed) throw notNow(failed.message, failed);
      return replies;
    },
  };
}

const notNow = (reason: string, cause?: Error) => new RunLogUnavailableError(reason, { cause });

/** A command as Redis reads it: an array of strings with their lengths in bytes. */
function encodeCommand(parts: RedisCommand): string {
  let text = `*${parts.length}\r\n`;
  for (const part of parts) text += `$${Buffer.byteLength(String(part))}\r\n${part}\r\n`;
  return text;
}
