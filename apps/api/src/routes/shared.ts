import type { RunView } from '@holdfast/shared/http/schemas.ts';
import { sharedConversationSchema } from '@holdfast/shared/http/sharing.ts';
import { readShared } from '@holdfast/shared/store/public-links.ts';
import { getRun } from '@holdfast/shared/store/runs.ts';
import { runEnd } from '@holdfast/shared/store/views.ts';
import { z } from 'zod';
import { pathId } from './request.ts';
import { answerEvents, eventsDescription, eventsQuery } from './run-events.ts';
import type { App, Services } from './services.ts';

/** `/api/shared/:token`: what anyone may read who has the public link. */
export function registerShared(app: App, services: Services): void {
  const { store } = services;

  app.get(
    '/api/shared/:token',
    {
      config: { access: { to: 'link', of: 'conversation' } },
      schema: {
        tags: ['sharing'],
        summary: 'Read a conversation by its public link',
        params: z.object({ token: z.string() }),
        // The answer is cut to this schema.
        response: { 200: sharedConversationSchema },
      },
    },
    async (request) => {
      const { token } = request.params;
      const { title, messages, runs } = await readShared(store, request.grant.conversationId);
      const [activeRun = null, ...waitingRuns] = runs.map((run: RunView) => ({
        ...run,
        eventsUrl: `/api/shared/${token}/runs/${run.id}/events`,
      }));
      return { title, messages, activeRun, waitingRuns };
    },
  );

  app.get(
    '/api/shared/:token/runs/:runId/events',
    {
      config: { access: { to: 'link', of: 'run' } },
      exposeHeadRoute: false,
      schema: {
        tags: ['sharing'],
        summary: 'Follow a run by the public link: as /api/runs/{id}/events',
        description: eventsDescription,
        params: z.object({ token: z.string(), runId: z.string() }),
        querystring: eventsQuery,
      },
    },
    async (request, reply) => {
      const { token, runId } = request.params;
      const run = await getRun(store, pathId({ params: { id: runId } }, 'run'));
      const endId = runEnd(run)?.id ?? null;
      return answerEvents(services, request, reply, { id: run.id, endId }, { by: 'link', token });
    },
  );
}
