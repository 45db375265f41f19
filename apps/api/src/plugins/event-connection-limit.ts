/**
 * How many event connections a user may have open, over all API processes. Each one takes a place, which is given back
 * when the connection closes; the places of a process that died are free when its connections would have ended at the
 * latest. Readers who need not say who they are (public links) are counted by their address.
 *
 * While Redis is away each process counts its own.
 */
import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { AppError } from '@holdfast/shared/errors.ts';
import type { Logger } from '@holdfast/shared/logger.ts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Redis } from 'ioredis';
import { defineScript } from '../redis-script.ts';
import { groupedByKey, perTurn } from './per-turn.ts';
import { addressOf } from './rate-limits.ts';

/** A connection that has come to the end of its life may still be sending its last events. */
const graceMs = 5_000;

export interface EventConnectionLimitOptions {
  /** For commands. */
  readonly redis: Redis;
  /** A connection for subscriptions, shared with others that name their channels. */
  readonly subscriber: Redis;
  readonly redisPrefix: string;
  /** Longest life of a connection. */
  readonly lifeMsMax: number;
  readonly perUserMax: number;
  readonly perAddressMax: number;
  readonly logger: Logger;
}

export interface EventConnectionLimit {
  /**
   * Takes a place for the connection that `reply` is to become, until its socket closes. Call it before the stream opens
   * and after everything else that may refuse it. Throws `too_many_connections`.
   */
  admit(request: FastifyRequest, reply: FastifyReply): Promise<void>;
  /**
   * Breaks all event connections of a user, on all processes: they may not read any more, or not with what they have shown
   * then. Who still may comes back by cursor. Never rejects: where Redis could not tell the other processes, their
   * connections end with their life.
   */
  closeUser(userId: string): Promise<void>;
}

interface Place {
  /** Of the holder's sorted set. */
  readonly key: string;
  readonly place: string;
  readonly max: number;
}

/** The limit as one API process sees it. */
export function createEventConnectionLimit(options: EventConnectionLimitOptions): EventConnectionLimit {
  const { redis, subscriber, redisPrefix, lifeMsMax, perUserMax, perAddressMax, logger } = options;
  /** Open here, by holder. */
  const open = new Map<string, Set<ServerResponse>>();
  const closeChannel = `${redisPrefix}:close-user`;

  const takePlaces = defineScript(redis, new URL('./lua/take-places.lua', import.meta.url));
  const takePlace = perTurn(async (asked: readonly Place[]) => {
    const groups = groupedByKey(asked);
    const args = groups.flatMap(({ items }) => [
      items.length,
      ...items.flatMap(({ max, place }) => [max, place]),
    ]);
    const taken = await takePlaces(
      groups.map(({ key }) => key),
      [lifeMsMax + graceMs, ...args],
    );
    const inOrder: boolean[] = [];
    groups
      .flatMap(({ places }) => places)
      .forEach((at, n) => {
        inOrder[at] = taken[n] === 1;
      });
    return inOrder;
  });
  /** When a process of a thousand connections ends, or a network, all their places are given back together. */
  const givePlaceBack = perTurn(async (given: readonly Omit<Place, 'max'>[]) => {
    await Promise.all(
      groupedByKey(given).map(({ key, items }) => redis.zrem(key, ...items.map(({ place }) => place))),
    );
    return [];
  });
  const keyOf = (holder: string) => `${redisPrefix}:event-connections:${holder}`;

  function closeHere(userId: string): void {
    for (const response of open.get(`user:${userId}`) ?? []) response.destroy();
  }
  subscriber.on('message', (channel: string, message: string) => {
    if (channel === closeChannel) closeHere(message);
  });
  subscriber.subscribe(closeChannel).catch((error: unknown) => {
    logger.warn({ err: error }, 'will not hear of connections that are to be closed');
  });

  async function takeHere(holder: string, place: string, max: number): Promise<boolean> {
    try {
      return await takePlace({ key: keyOf(holder), place, max });
    } catch (error) {
      logger.warn({ err: error }, 'event connections are counted by this process alone');
      return (open.get(holder)?.size ?? 0) < max;
    }
  }

  return {
    async admit(request, reply) {
      const identity =
        request.routeOptions.config.access?.to === 'anyone' ? undefined : request.credential?.identity;
      const holder = identity ? `user:${identity.id}` : `address:${addressOf(request)}`;
      const max = identity ? (identity.limits.eventConnections ?? perUserMax) : perAddressMax;
      const response = reply.raw;
      const place = randomUUID();
      if (!(await takeHere(holder, place, max))) {
        throw new AppError('too_many_connections', {
          detail: `There are ${max} event connections open already. Close one; one GET /api/events serves a whole page.`,
          retryAfterSeconds: 1,
        });
      }
      const here = open.get(holder) ?? new Set();
      open.set(holder, here.add(response));
      let released = false;
      const release = () => {
        if (released) return;
        released = true;
        here.delete(response);
        if (here.size === 0 && open.get(holder) === here) open.delete(holder);
        // A place that is not given back because Redis is away is free when its time is over.
        givePlaceBack({ key: keyOf(holder), place }).catch(() => undefined);
      };
      response.once('close', release);
      // Gone while we asked: its `close` has been.
      if (response.destroyed) release();
    },

    async closeUser(userId) {
      closeHere(userId);
      await redis.publish(closeChannel, userId).catch((error: unknown) => {
        logger.warn({ err: error, userId }, 'could not tell the other processes to close connections');
      });
    },
  };
}
