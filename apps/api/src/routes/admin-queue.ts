import { queueStateSchema } from '@holdfast/shared/http/queue.ts';
import { queueState } from '@holdfast/shared/store/queue-state.ts';
import type { App, Services } from './services.ts';

/** `/api/admin/queue`: what waits and who answers, for administrators. */
export function registerAdminQueue(app: App, { store }: Pick<Services, 'store'>): void {
  app.get(
    '/api/admin/queue',
    {
      config: { access: { to: 'admin' } },
      schema: {
        tags: ['administration'],
        summary: 'The queue: how much waits and runs, the workers that live, and who waits most',
        response: { 200: queueStateSchema },
      },
    },
    () => queueState(store),
  );
}
