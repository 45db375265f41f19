import type { User } from '@holdfast/shared/http/schemas.ts';
import { localUserId } from '@holdfast/shared/store/local-user.ts';
import type { FastifyInstance } from 'fastify';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks. Every query for somebody's data names this id. */
    user: User;
  }
}

/** An installation without accounts has one user, who may do everything with what is theirs. */
const localUser: User = { id: localUserId, name: 'Local user' };

/** Puts the user behind each request. */
export function registerUser(app: FastifyInstance): void {
  app.decorateRequest('user', null as unknown as User);
  app.addHook('onRequest', async (request) => {
    request.user = localUser;
  });
}
