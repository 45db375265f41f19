import { AppError } from '@holdfast/shared/errors.ts';
import { changeMeSchema, changePasswordSchema } from '@holdfast/shared/http/accounts.ts';
import { currentUserSchema, modelListSchema } from '@holdfast/shared/http/schemas.ts';
import { changePassword, findPasswordHash, renameUser } from '@holdfast/shared/store/accounts.ts';
import { toCurrentUser } from '@holdfast/shared/store/views.ts';
import type { App, Services } from './services.ts';

/** `/api/me` and `/api/models`: who asks, and what they may ask. */
export function registerAccount(
  app: App,
  { store, models, accounts: { passwords, limits }, eventConnectionLimit }: Services,
): void {
  app.get(
    '/api/me',
    {
      config: { access: { to: 'user' } },
      schema: {
        tags: ['account'],
        summary: 'The user behind the request',
        response: { 200: currentUserSchema },
      },
    },
    async (request) => request.user,
  );

  app.patch(
    '/api/me',
    {
      config: { access: { to: 'user' } },
      schema: {
        tags: ['account'],
        summary: 'Change what others see of you',
        body: changeMeSchema,
        response: { 200: currentUserSchema },
      },
    },
    async ({ user, body: { name } }) =>
      name === undefined ? user : toCurrentUser(await renameUser(store, user.id, name)),
  );

  app.put(
    '/api/me/password',
    {
      config: { access: { to: 'user', loggedIn: true } },
      schema: {
        tags: ['account'],
        summary: 'Change the password; all other sessions end',
        body: changePasswordSchema,
      },
    },
    async (request, reply) => {
      const { user, credential, body } = request;
      const stored = await findPasswordHash(store, user.id);
      if (stored === null || user.email === null) {
        throw new AppError('forbidden', { detail: 'You have no password. A guest gets one by registering.' });
      }
      const isRight = await limits.tryPassword(request, user.email, async () =>
        (await passwords.verify(body.current, stored)) ? true : null,
      );
      const changed =
        isRight &&
        credential?.sessionId &&
        (await changePassword(
          store,
          user.id,
          stored,
          await passwords.hash(body.password),
          credential.sessionId,
        ));
      if (!changed) {
        throw new AppError('wrong_credentials', { detail: 'The current password is another one.' });
      }
      await eventConnectionLimit.closeUser(user.id);
      return reply.code(204).send();
    },
  );

  app.get(
    '/api/models',
    {
      config: { access: { to: 'anyone' } },
      schema: {
        tags: ['account'],
        summary: 'Models that a message may name',
        response: { 200: modelListSchema },
      },
    },
    async () => ({ models: models.map((id, index) => ({ id, default: index === 0 })) }),
  );
}
