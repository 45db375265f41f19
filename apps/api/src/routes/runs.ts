import { acceptedRunSchema, runSchema } from '@holdfast/shared/http/schemas.ts';
import { isTerminalStatus } from '@holdfast/shared/protocol/run.ts';
import { getRun, requestCancel } from '@holdfast/shared/store/runs.ts';
import { toRunView } from '@holdfast/shared/store/views.ts';
import { idParams, pathId } from './request.ts';
import type { App, Services } from './services.ts';
import { stopRun } from './stop-run.ts';

/** `/api/runs`: read a run, and stop it. */
export function registerRuns(app: App, services: Services): void {
  const { store } = services;

  app.get(
    '/api/runs/:id',
    {
      config: { access: { to: 'member', of: 'run', role: 'reader' } },
      schema: { tags: ['runs'], summary: 'Read a run', params: idParams, response: { 200: runSchema } },
    },
    async (request) => toRunView(await getRun(store, pathId(request, 'run'))),
  );

  app.post(
    '/api/runs/:id/cancel',
    {
      config: {
        access: { to: 'member', of: 'run', role: 'writer' },
        idempotency: { natural: 'a run ends once' },
      },
      schema: {
        tags: ['runs'],
        summary: 'Stop a run; what it produced is kept',
        description: '202: it ends as cancelled. 200: it had already ended, and nothing changed.',
        params: idParams,
        response: { 200: acceptedRunSchema, 202: acceptedRunSchema },
      },
    },
    async (request, reply) => {
      const run = await requestCancel(store, pathId(request, 'run'));
      if (isTerminalStatus(run.status)) return reply.code(200).send({ run: toRunView(run) });
      const ended = await stopRun(services, run, request.log);
      return reply.code(202).send({ run: toRunView(ended ?? run) });
    },
  );
}
