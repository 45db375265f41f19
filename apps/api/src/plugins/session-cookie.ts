/** The cookie that keeps a browser logged in. Scripts cannot read it, and other sites' forms do not carry it. */
import { sessionLifeDays } from '@holdfast/shared/store/identity.ts';
import type { FastifyReply, FastifyRequest } from 'fastify';

export const sessionCookie = 'holdfast_session';

const attributes = (request: FastifyRequest) => ({
  path: '/',
  httpOnly: true,
  sameSite: 'lax' as const,
  secure: request.protocol === 'https',
});

export function setSessionCookie(request: FastifyRequest, reply: FastifyReply, token: string): void {
  reply.setCookie(sessionCookie, token, { ...attributes(request), maxAge: sessionLifeDays * 86_400 });
}

export function clearSessionCookie(request: FastifyRequest, reply: FastifyReply): void {
  reply.clearCookie(sessionCookie, attributes(request));
}
