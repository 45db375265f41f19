import { sessionListSchema } from '@holdfast/shared/http/accounts.ts';
import { listSessions, revokeSession } from '@holdfast/shared/store/sessions.ts';
import { clearSessionCookie } from '../plugins/session-cookie.ts';
import { idParams, pathId } from './request.ts';
import type { App, Services } from './services.ts';

/** `/api/me/sessions`: where the user is logged in. */
export function registerSessions(app: App, { store, eventConnectionLimit }: Services): void {
  app.get(
    '/api/me/sessions',
    {
      config: { access: { to: 'user', loggedIn: true } },
      schema: {
        tags: ['account'],
        summary: 'Where you are logged in',
        response: { 200: sessionListSchema },
      },
    },
    async ({ user, credential }) => ({
      sessions: await listSessions(store, user.id, credential?.sessionId ?? null),
    }),
  );

  app.delete(
    '/api/me/sessions/:id',
    {
      config: { access: { to: 'user', loggedIn: true } },
      schema: { tags: ['account'], summary: 'Log out elsewhere', params: idParams },
    },
    async (request, reply) => {
      const id = pathId(request, 'session');
      const { user, credential } = request;
      await revokeSession(store, user.id, id);
      if (credential?.by === 'cookie' && credential.sessionId === id) clearSessionCookie(request, reply);
      await eventConnectionLimit.closeUser(user.id);
      return reply.code(204).send();
    },
  );
}
