import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '@holdfast/shared/errors.ts';
import {
  acceptedMessageSchema,
  acceptedRunSchema,
  postMessageSchema,
  type RunView,
  regenerateSchema,
} from '@holdfast/shared/http/schemas.ts';
import {
  type Accepted,
  type Asking,
  acceptContinue,
  acceptEdit,
  acceptRegenerate,
} from '@holdfast/shared/store/accept.ts';
import { createAcceptGroups } from '@holdfast/shared/store/accept-groups.ts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { assertModelOffered, idempotentRequest, idParams, pathId } from './request.ts';
import type { App, Services } from './services.ts';
import { stopRun } from './stop-run.ts';

/**
 * Longest wait for the workers to be told. Waking them is not worth more: the run is stored, and somebody rings again. While Redis
 * hangs, this request would else wait for the call that is under way and then for its own.
 */
const dispatchMsMax = 500;

/** Asking: post a message, edit one, have a question answered again, or an answer continued. */
export function registerMessages(app: App, services: Services): void {
  const { store, dispatcher, models, allowance, userGate } = services;
  const acceptMessage = createAcceptGroups(store);

  function asking(request: FastifyRequest, model: string | undefined): Asking {
    assertModelOffered(model, models);
    assertQueueReachable(services);
    return {
      request: idempotentRequest(request),
      limits: request.user.limits,
      allowance,
      waitingRunsMax: services.waitingRunsMax,
      defaultModel: models[0],
    };
  }

  /** Tells the client where to read, stops what is to make way, and wakes a worker. */
  async function answer<T extends { run: RunView }>(
    { result, interrupted }: Accepted<T>,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<T> {
    reply.code(202).header('location', `/api/runs/${result.run.id}`);
    await Promise.all(interrupted.map((run) => stopRun(services, run, request.log)));
    await Promise.race([dispatcher.dispatch(), sleep(dispatchMsMax, undefined, { ref: false })]);
    return result;
  }

  app.post(
    '/api/conversations/:id/messages',
    {
      config: { access: { to: 'member', of: 'conversation', role: 'writer' }, idempotency: 'key' },
      schema: {
        tags: ['messages'],
        summary: 'Ask: store a message and have it answered',
        params: idParams,
        body: postMessageSchema,
        response: { 202: acceptedMessageSchema },
      },
    },
    async (request, reply) => {
      const asked = asking(request, request.body.model);
      const accepted = await userGate(request.user.id, () =>
        acceptMessage(asked, request.grant.conversationId, request.body),
      );
      return answer(accepted, request, reply);
    },
  );

  app.post(
    '/api/messages/:id/edit',
    {
      config: { access: { to: 'member', of: 'message', role: 'writer' }, idempotency: 'key' },
      schema: {
        tags: ['messages'],
        summary: 'Ask differently; the message and what followed it are kept as another branch',
        params: idParams,
        body: postMessageSchema,
        response: { 202: acceptedMessageSchema },
      },
    },
    async (request, reply) => {
      const asked = asking(request, request.body.model);
      const accepted = await userGate(request.user.id, () =>
        acceptEdit(store, asked, pathId(request, 'message'), request.body),
      );
      return answer(accepted, request, reply);
    },
  );

  // Two ways to have a question answered again, with the same body.
  const again = {
    regenerate: { accept: acceptRegenerate, summary: 'Answer again; the earlier answers are kept' },
    continue: {
      accept: acceptContinue,
      summary: 'Answer again, beginning with the text of this answer, and go on from there',
    },
  };
  for (const [verb, { accept, summary }] of Object.entries(again)) {
    app.post(
      `/api/messages/:id/${verb}`,
      {
        config: { access: { to: 'member', of: 'message', role: 'writer' }, idempotency: 'key' },
        schema: {
          tags: ['messages'],
          summary,
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
        const asked = asking(request, request.body.model);
        const accepted = await userGate(request.user.id, () =>
          accept(store, asked, pathId(request, 'message'), request.body),
        );
        return answer(accepted, request, reply);
      },
    );
  }
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
