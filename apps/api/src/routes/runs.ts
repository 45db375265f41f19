import { acceptedRunSchema, runSchema } from '@holdfast/shared/http/schemas.ts';
import { isTerminalStatus } from '@holdfast/shared/protocol/run.ts';
import { encodeEventData } from '@holdfast/shared/protocol/run-event.ts';
import { closeLog } from '@holdfast/shared/run-log/close-log.ts';
import { readText } from '@holdfast/shared/run-log/read-text.ts';
import { cancelQueued, getRun, requestCancel } from '@holdfast/shared/store/runs.ts';
import { type RunRow, runEnd, toRunView } from '@holdfast/shared/store/views.ts';
import type { FastifyBaseLogger } from 'fastify';
import { idParams, pathId } from './request.ts';
import type { App, Services } from './services.ts';

/** `/api/runs`: read a run, and stop it. */
export function registerRuns(app: App, { store, runLog }: Services): void {
  app.get(
    '/api/runs/:id',
    {
      schema: { tags: ['runs'], summary: 'Read a run', params: idParams, response: { 200: runSchema } },
    },
    async (request) => toRunView(await getRun(store, request.user.id, pathId(request, 'run'))),
  );

  app.post(
    '/api/runs/:id/cancel',
    {
      schema: {
        tags: ['runs'],
        summary: 'Stop a run; what it produced is kept',
        description: '202: it ends as cancelled. 200: it had already ended, and nothing changed.',
        params: idParams,
        response: { 200: acceptedRunSchema, 202: acceptedRunSchema },
      },
    },
    async (request, reply) => {
      const run = await requestCancel(store, request.user.id, pathId(request, 'run'));
      if (isTerminalStatus(run.status)) return reply.code(200).send({ run: toRunView(run) });
      const ended = run.status === 'queued' ? await endQueued(run, request.log) : null;
      // Whoever holds the run reads the flag with its next heartbeat; the nudge makes that immediate.
      if (!ended)
        await runLog
          .requestCancel(run.id)
          .catch((error: unknown) => request.log.warn({ err: error }, 'could not nudge the worker'));
      return reply.code(202).send({ run: toRunView(ended ?? run) });
    },
  );

  /**
   * Ends a run that waits in the queue, at once and without a worker. Null: a worker has taken it meanwhile, or will end
   * it when Redis, which holds what earlier attempts have written, can be read again.
   */
  async function endQueued(run: RunRow, log: FastifyBaseLogger): Promise<RunRow | null> {
    let text = '';
    if (run.attempt > 0) {
      try {
        text = (await readText(runLog, run.id))?.text ?? '';
      } catch (error) {
        log.warn(
          { err: error, runId: run.id },
          'cannot read what was written before; a worker will end the run',
        );
        return null;
      }
    }
    const ended = await cancelQueued(store, run, text);
    const end = ended && runEnd(ended);
    if (end) {
      const opening = {
        type: 'snapshot',
        json: encodeEventData({ type: 'snapshot', data: { text } }),
      } as const;
      await closeLog(runLog, run.id, end, opening).catch((error: unknown) =>
        // Readers take the end from Postgres instead, within a second or two.
        log.warn({ err: error, runId: run.id }, 'could not close the run log'),
      );
    }
    return ended;
  }
}
