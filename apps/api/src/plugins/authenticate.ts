/**
 * How a request shows who sends it. The first of these that is there decides, also when it does not hold: what was sent on
 * purpose goes before what a browser sends by itself.
 *
 * 1. a bearer token: of a session, an API key, or one of the identity provider
 * 2. a ticket, where the route takes one
 * 3. the session cookie of a browser; one that does not hold any more is as good as none
 */
import { AppError } from '@holdfast/shared/errors.ts';
import { isId } from '@holdfast/shared/id.ts';
import { makeProviderUser } from '@holdfast/shared/store/accounts.ts';
import { createBatchedLookUp } from '@holdfast/shared/store/batched.ts';
import {
  type Credential,
  findApiKeys,
  findIdentity,
  findSessions,
  type Identity,
} from '@holdfast/shared/store/identity.ts';
import { hashToken, tokenKind } from '@holdfast/shared/token.ts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Services } from '../routes/services.ts';
import type { Authenticate } from './access.ts';
import { looksLikeJwt } from './oidc.ts';
import { assertOwnOrigin } from './origin.ts';
import { sessionCookie, setSessionCookie } from './session-cookie.ts';

const safeMethods = ['GET', 'HEAD', 'OPTIONS'];

/** The bearer token of a request (RFC 6750, 2.1). */
function bearerToken(request: FastifyRequest): string | undefined {
  return /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
}

export function createAuthenticate({ store, accounts }: Pick<Services, 'store' | 'accounts'>): Authenticate {
  const { oidc, tickets, firstIsAdmin, pageOrigins } = accounts;
  const itself = (hash: string) => hash;
  const sessionByHash = createBatchedLookUp(itself, (hashes) => findSessions(store, hashes));
  const apiKeyByHash = createBatchedLookUp(itself, (hashes) => findApiKeys(store, hashes));

  async function byProvider(token: string): Promise<Identity | null> {
    if (!oidc || !looksLikeJwt(token)) return null;
    const user = await oidc.verify(token);
    const known = await findIdentity(store, user);
    if (known) return known;
    await makeProviderUser(store, user, firstIsAdmin);
    return findIdentity(store, user);
  }

  async function byBearer(token: string): Promise<Credential | null> {
    const by = 'bearer';
    const kind = tokenKind(token);
    if (kind === 'hfs') {
      const session = await sessionByHash(hashToken(token));
      return session ? { identity: session.identity, sessionId: session.sessionId, by } : null;
    }
    const identity = await (kind === 'hfk' ? apiKeyByHash(hashToken(token)) : byProvider(token));
    return identity ? { identity, sessionId: null, by } : null;
  }

  async function byTicket(ticket: unknown, runId: string): Promise<Credential | null> {
    if (typeof ticket !== 'string' || !isId(runId)) return null;
    const userId = await tickets.read(ticket, runId);
    const identity = userId === null ? null : await findIdentity(store, { id: userId });
    return identity && { identity, sessionId: null, by: 'ticket' };
  }

  async function byCookie(request: FastifyRequest, reply: FastifyReply): Promise<Credential | null> {
    const token = request.cookies[sessionCookie];
    // What cannot be a token never reaches the database.
    if (token === undefined || tokenKind(token) !== 'hfs') return null;
    const session = await sessionByHash(hashToken(token));
    if (!session) return null;
    if (!safeMethods.includes(request.method)) assertOwnOrigin(request, pageOrigins);
    if (session.prolonged) setSessionCookie(request, reply, token);
    return { identity: session.identity, sessionId: session.sessionId, by: 'cookie' };
  }

  return async (request, reply, access) => {
    const bearer = bearerToken(request);
    const { ticket } = request.query as { ticket?: unknown };
    const takesTicket = access.to === 'member' && access.ticket === true;
    if (bearer !== undefined) {
      const credential = await byBearer(bearer);
      if (credential) return credential;
      throw new AppError('unauthenticated', { detail: 'This token is not valid, or not any more.' });
    }
    if (takesTicket && ticket !== undefined) {
      const { id = '' } = request.params as { id?: string };
      const credential = await byTicket(ticket, id);
      if (credential) return credential;
      throw new AppError('unauthenticated', {
        detail:
          'This ticket is not for this run, or has expired. POST /api/runs/{id}/tickets makes a new one.',
      });
    }
    return byCookie(request, reply);
  };
}
