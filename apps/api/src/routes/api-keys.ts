import { apiKeyListSchema, createApiKeySchema, createdApiKeySchema } from '@holdfast/shared/http/accounts.ts';
import { createApiKey, listApiKeys, revokeApiKey } from '@holdfast/shared/store/api-keys.ts';
import { idempotentRequest, idParams, pathId } from './request.ts';
import type { App, Services } from './services.ts';

/** `/api/me/api-keys`: how programs of the user show who sends them. */
export function registerApiKeys(app: App, { store, eventConnectionLimit }: Services): void {
  app.post(
    '/api/me/api-keys',
    {
      config: { access: { to: 'user', loggedIn: true }, idempotency: 'key' },
      schema: {
        tags: ['account'],
        summary: 'Make an API key; it is shown only now',
        body: createApiKeySchema,
        response: { 201: createdApiKeySchema },
      },
    },
    async (request, reply) => {
      const created = await createApiKey(store, idempotentRequest(request), request.body.name);
      return reply.code(201).send(created);
    },
  );

  app.get(
    '/api/me/api-keys',
    {
      config: { access: { to: 'user', loggedIn: true } },
      schema: { tags: ['account'], summary: 'Your API keys', response: { 200: apiKeyListSchema } },
    },
    async ({ user }) => ({ apiKeys: await listApiKeys(store, user.id) }),
  );

  app.delete(
    '/api/me/api-keys/:id',
    {
      config: { access: { to: 'user', loggedIn: true } },
      schema: { tags: ['account'], summary: 'Revoke an API key', params: idParams },
    },
    async (request, reply) => {
      await revokeApiKey(store, request.user.id, pathId(request, 'api_key'));
      await eventConnectionLimit.closeUser(request.user.id);
      return reply.code(204).send();
    },
  );
}
