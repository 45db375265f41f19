import { modelListSchema, userSchema } from '@holdfast/shared/http/schemas.ts';
import type { App, Services } from './services.ts';

/** Who asks, and what they may ask. */
export function registerAccount(app: App, { models }: Services): void {
  app.get(
    '/api/me',
    { schema: { tags: ['account'], summary: 'The user behind the request', response: { 200: userSchema } } },
    async (request) => request.user,
  );
  app.get(
    '/api/models',
    {
      schema: {
        tags: ['account'],
        summary: 'Models that a message may name',
        response: { 200: modelListSchema },
      },
    },
    async () => ({ models: models.map((id, index) => ({ id, default: index === 0 })) }),
  );
}
