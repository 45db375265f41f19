/**
 * The one place that decides who may do what. Every route under /api says in `config.access` whom it serves, and cannot
 * be registered without; here the request is matched with it, before its body is read.
 *
 * The order is that of what may be told: first who asks (401), then whether they see the thing (404), then whether they
 * may do this with it (403).
 */
import { AppError, notFound } from '@holdfast/shared/errors.ts';
import { isId } from '@holdfast/shared/id.ts';
import { createBatchedLookUp } from '@holdfast/shared/store/batched.ts';
import {
  findGrant,
  findRunGrants,
  type Grant,
  type GrantSubject,
  includesRole,
  runReaderName,
} from '@holdfast/shared/store/grant.ts';
import type { Credential, Identity } from '@holdfast/shared/store/identity.ts';
import { findLinkGrant } from '@holdfast/shared/store/public-links.ts';
import type { MemberRole } from '@holdfast/shared/store/schema.ts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App, Services } from '../routes/services.ts';
import type { CountForUser } from './rate-limits.ts';

/**
 * Whom a route serves.
 *
 * anyone  whether signed in or not
 * user    everybody who is signed in; `loggedIn`: not with an API key or a ticket, which may leak more easily
 * admin   users with the role `admin`
 * member  members of the conversation that `:id` belongs to, from this role up; `ticket`: a ticket for the run will do
 * link    whoever has the public link `:token`, for the conversation behind it or its run `:runId`
 */
export type Access =
  | { readonly to: 'anyone' }
  | { readonly to: 'user'; readonly loggedIn?: true }
  | { readonly to: 'admin' }
  | { readonly to: 'member'; readonly of: GrantSubject; readonly role: MemberRole; readonly ticket?: true }
  | { readonly to: 'link'; readonly of: 'conversation' | 'run' };

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
  }
  interface FastifyRequest {
    /** How they have shown who they are; null on routes for anyone. */
    credential: Credential | null;
    /** Who asks. Only on routes that are not for anyone. */
    readonly user: Identity;
    /** What they may do with the conversation of `:id` or `:token`. Only on routes for members and behind links. */
    readonly grant: Grant;
  }
}

/** Finds out who sends a request. Throws `unauthenticated` for a credential that does not hold; null: it has none. */
export type Authenticate = (
  request: FastifyRequest,
  reply: FastifyReply,
  access: Access,
) => Promise<Credential | null>;

/** Puts `user` and `grant` behind each request, or refuses it. Register it before the routes. */
export function registerAccess(
  app: App,
  { store }: Pick<Services, 'store'>,
  authenticate: Authenticate,
  countForUser: CountForUser,
): void {
  const grants = new WeakMap<FastifyRequest, Grant>();
  const runGrant = createBatchedLookUp(runReaderName, (readers) => findRunGrants(store, readers));

  async function grantOf(userId: string, of: GrantSubject, id: string): Promise<Grant> {
    if (of !== 'run') return findGrant(store, userId, of, id);
    // Readers of runs come back all at once when a process or a network fails.
    const grant = await runGrant({ userId, runId: id.toLowerCase() });
    if (!grant) throw notFound('run');
    return grant;
  }

  app.decorateRequest('credential', null);
  app.decorateRequest('user', {
    getter() {
      const identity = (this as FastifyRequest).credential?.identity;
      if (!identity) throw new Error('this route does not ask for a user');
      return identity;
    },
  });
  app.decorateRequest('grant', {
    getter() {
      const grant = grants.get(this as FastifyRequest);
      if (!grant) throw new Error('this route does not ask for a member');
      return grant;
    },
  });

  app.addHook('onRoute', (route) => {
    if (route.url.startsWith('/api/') && !route.config?.access) {
      throw new Error(`${String(route.method)} ${route.url} does not say whom it serves (config.access)`);
    }
  });

  app.addHook('onRequest', async (request, reply) => {
    const { access } = request.routeOptions.config;
    if (!access) return;
    if (access.to === 'link') {
      // Who asks makes no difference here, not even to a browser whose session has ended. What is private to those who have
      // the link is for no search engine, and neither is its 404.
      reply.header('x-robots-tag', 'noindex');
      const { token = '', runId = '' } = request.params as { token?: string; runId?: string };
      grants.set(request, await findLinkGrant(store, token, access.of === 'run' ? runId : null));
      return;
    }
    const credential = await authenticate(request, reply, access);
    request.credential = credential;
    if (access.to === 'anyone') return;
    if (!credential) {
      throw new AppError('unauthenticated', {
        detail: 'Log in, or send a bearer token. POST /api/auth/guest makes a guest.',
      });
    }
    if (credential.identity.disabled) {
      throw new AppError('account_disabled', { detail: 'An administrator has disabled this account.' });
    }
    await countForUser(request, reply);
    switch (access.to) {
      case 'user':
        if (access.loggedIn && credential.sessionId === null) {
          throw new AppError('forbidden', { detail: 'This needs a log-in; an API key is not enough.' });
        }
        return;
      case 'admin':
        if (credential.identity.role !== 'admin') {
          throw new AppError('forbidden', { detail: 'This is for administrators.' });
        }
        return;
      case 'member': {
        const { id = '' } = request.params as { id?: string };
        // What cannot be an id is answered like one that is unknown, and never reaches SQL.
        if (!isId(id)) throw notFound(access.of);
        const grant = await grantOf(credential.identity.id, access.of, id);
        if (!includesRole(grant.role, access.role)) {
          throw new AppError('forbidden', {
            detail: `You are ${grant.role} of this conversation; this needs the role ${access.role}.`,
          });
        }
        grants.set(request, grant);
      }
    }
  });
}
