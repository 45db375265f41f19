import { AppError } from '@holdfast/shared/errors.ts';
import {
  acceptedMessageSchema,
  acceptedRunSchema,
  postMessageSchema,
  regenerateSchema,
} from '@holdfast/shared/http/schemas.ts';
import { acceptMessage, acceptRegenerate } from '@holdfast/shared/store/accept.ts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { assertModelOffered, idempotentRequest, idParams, pathId } from './request.ts';
import type { App, Services } from './services.ts';

/** Asking: post a message, or have a question answered again. */
export function registerMessages(app: App, services: Services): void {
  const { store, queue, models } = services;

  /** Tells the client where to read, and wakes a worker. */
  async function accepted(runId: string, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    reply.code(202).header('location', `/api/runs/${runId}`);
    try {
      await queue.ring(runId);
    } catch (error) {
      // The run is stored, and that is what 202 promises: the sweeper rings as soon as Redis is back.
      request.log.warn({ err: error, runId }, 'could not wake a worker; the sweeper will');
    }
  }

  app.post(
    '/api/conversations/:id/messages',
    {
      schema: {
        tags: ['messages'],
        summary: 'Ask: store a message and have it answered',
        params: idParams,
        body: postMessageSchema,
        response: { 202: acceptedMessageSchema },
      },
    },
    async (request, reply) => {
      assertModelOffered(request.body.model, models);
      assertQueueReachable(services);
      const { result } = await acceptMessage(
        store,
        idempotentRequest(request),
        pathId(request, 'conversation'),
        request.body,
        models[0],
      );
      await accepted(result.run.id, request, reply);
      return result;
    },
  );

  app.post(
    '/api/messages/:id/regenerate',
    {
      schema: {
        tags: ['messages'],
        summary: 'Answer again; the earlier answers are kept',
        params: idParams,
        body: regenerateSchema,
        response: { 202: acceptedRunSchema },
      },
      // Every field may be left out, and so may the body. Fastify would have it validated as null.
      preValidation: async (request) => {
        if (request.body === undefined) request.body = {};
      },
    },
    async (request, reply) => {
      assertModelOffered(request.body.model, models);
      assertQueueReachable(services);
      const { result } = await acceptRegenerate(
        store,
        idempotentRequest(request),
        pathId(request, 'message'),
        request.body,
        models[0],
      );
      await accepted(result.run.id, request, reply);
      return result;
    },
  );
}

/**
 * Refuses new work while nobody could begin it: the client keeps the message and sends it again with the same key.
 * Work that was accepted is not affected.
 */
function assertQueueReachable({ isQueueReachable }: Services): void {
  if (isQueueReachable()) return;
  throw new AppError('queue_unavailable', {
    detail:
      'New messages cannot be taken at the moment. Nothing was stored; send it again with the same Idempotency-Key.',
    retryAfterSeconds: 2,
  });
}
