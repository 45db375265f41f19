/**
 * How many requests an address and a user may send in a minute, counted in Redis, so that all API processes agree.
 *
 * Every request under /api is counted for its address, before anybody asks who sends it, and then for its user. While
 * Redis is away nothing is counted and everything passes: an outage must not become a bigger one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { normalizeIP } from '@fastify/rate-limit';
import { AppError } from '@holdfast/shared/errors.ts';
import { isRepeat } from '@holdfast/shared/store/idempotency.ts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Redis } from 'ioredis';
import { defineScript } from '../redis-script.ts';
import { idempotentRequest } from '../routes/request.ts';
import type { App, Services } from '../routes/services.ts';
import { groupedByKey, perTurn } from './per-turn.ts';

const windowMs = 60_000;

/** How often Redis is asked, after it has failed to count, whether it is there again. */
const askAgainMs = 500;

export interface RateLimitOptions {
  readonly redis: Redis;
  readonly redisPrefix: string;
  readonly requestsPerUser: number;
  readonly requestsPerAddress: number;
}

/** A request as it was counted: the how-manieth of its window, and when that is over. */
interface Counted {
  readonly count: number;
  readonly leftSeconds: number;
}

/** Counts a request for its user, whom `request.credential` names, and refuses it with `rate_limited`. */
export type CountForUser = (request: FastifyRequest, reply: FastifyReply) => Promise<void>;

/** What an address is counted as: an IPv6 network counts as one, because whoever has one address of it has all. */
export function addressOf(request: FastifyRequest): string {
  return normalizeIP(request.ip);
}

/** Register it before `registerAccess`: what this refuses costs no look at the database. */
export function registerRateLimits(
  app: App,
  { store }: Pick<Services, 'store'>,
  { redis, redisPrefix, requestsPerUser, requestsPerAddress }: RateLimitOptions,
): CountForUser {
  /** From a failure to count until Redis answers again: one that hangs would make each request wait for it. */
  let away = false;
  async function waitUntilRedisAnswers(): Promise<void> {
    away = true;
    while (!(await answers(redis)) && redis.status !== 'end')
      await sleep(askAgainMs, undefined, { ref: false });
    away = false;
  }

  const countRequests = defineScript(redis, new URL('./lua/count-requests.lua', import.meta.url));
  const countInRedis = perTurn(async (requests: readonly { key: string }[]) => {
    const groups = groupedByKey(requests);
    const replies = await countRequests(
      groups.map(({ key }) => key),
      [windowMs, ...groups.map(({ items }) => items.length)],
    );
    const counted: Counted[] = [];
    groups.forEach(({ places }, n) => {
      const [all = 0, leftMs = 0] = replies.slice(2 * n, 2 * n + 2);
      // As if they had come one after the other: of those that were counted together only some may be within the limit.
      places.forEach((at, nth) => {
        counted[at] = { count: all - places.length + nth + 1, leftSeconds: Math.ceil(leftMs / 1_000) };
      });
    });
    return counted;
  });

  /** Counts, tells what is left, and returns the refusal if there is none left. */
  async function count(
    request: FastifyRequest,
    reply: FastifyReply,
    policy: 'user' | 'address',
  ): Promise<AppError | null> {
    if (away || redis.status !== 'ready') return null;
    const identity = policy === 'user' ? request.credential?.identity : undefined;
    const max = identity ? (identity.limits.requestsPerMinute ?? requestsPerUser) : requestsPerAddress;
    const whose = identity ? `user:${identity.id}` : `address:${addressOf(request)}`;
    const counted = await countInRedis({ key: `${redisPrefix}:requests:${whose}` }).catch(
      (error: unknown) => {
        request.log.warn({ err: error }, 'requests are not counted');
        if (!away) void waitUntilRedisAnswers();
        return null;
      },
    );
    if (!counted) return null;
    const remaining = Math.max(0, max - counted.count);
    // "RateLimit-Policy: A Server MAY use this field to communicate its quota policies", "RateLimit: the current state"
    // (draft-ietf-httpapi-ratelimit-headers, 3 and 4): lists of structured fields, here what binds closest first.
    prepend(reply, 'ratelimit-policy', `"${policy}";q=${max};w=${windowMs / 1_000}`);
    prepend(reply, 'ratelimit', `"${policy}";r=${remaining};t=${counted.leftSeconds}`);
    if (counted.count <= max) return null;
    return new AppError('rate_limited', {
      detail: `More than ${max} requests of this ${policy} within a minute. Wait for Retry-After seconds.`,
      retryAfterSeconds: Math.max(1, counted.leftSeconds),
    });
  }

  app.addHook('onRequest', async (request, reply) => {
    // Pages, documentation and health are for everybody at any time; each route of the API says whom it serves.
    if (!request.routeOptions.config.access) return;
    const refusal = await count(request, reply, 'address');
    if (refusal) throw refusal;
  });

  /** Requests of users over their limit that may turn out to be repeats, whose answer they get all the same. */
  const postponed = new WeakMap<FastifyRequest, AppError>();
  app.addHook('preHandler', async (request) => {
    const refusal = postponed.get(request);
    if (refusal && !(await isRepeat(store, idempotentRequest(request)))) throw refusal;
  });

  return async (request, reply) => {
    const refusal = await count(request, reply, 'user');
    if (!refusal) return;
    if (request.method !== 'POST' || request.headers['idempotency-key'] === undefined) throw refusal;
    // Which request the key stands for can only be told when the body is there.
    postponed.set(request, refusal);
  };
}

async function answers(redis: Redis): Promise<boolean> {
  try {
    await redis.ping();
    return true;
  } catch {
    return false;
  }
}

function prepend(reply: FastifyReply, name: string, item: string): void {
  const others = reply.getHeader(name);
  reply.header(name, others === undefined ? item : `${item}, ${String(others)}`);
}
