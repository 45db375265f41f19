import { changeConversationSchema, changeMembershipSchema } from '@holdfast/shared/http/conversations.ts';
import { conversationSchema, historySchema } from '@holdfast/shared/http/schemas.ts';
import { getHistory } from '@holdfast/shared/store/branches.ts';
import {
  changeConversation,
  changeMembership,
  deleteConversation,
} from '@holdfast/shared/store/change-conversation.ts';
import { getConversation } from '@holdfast/shared/store/conversations.ts';
import { z } from 'zod';
import { assertModelOffered, idParams } from './request.ts';
import type { App, Services } from './services.ts';
import { stopRun } from './stop-run.ts';

/** `/api/conversations/{id}`: read, change, delete. */
export function registerConversation(app: App, services: Services): void {
  const { store, models } = services;

  app.get(
    '/api/conversations/:id',
    {
      config: { access: { to: 'member', of: 'conversation', role: 'reader' } },
      schema: {
        tags: ['conversations'],
        summary: 'Read a conversation',
        params: idParams,
        response: { 200: conversationSchema },
      },
    },
    (request) => getConversation(store, request.user.id, request.grant.conversationId),
  );

  app.get(
    '/api/conversations/:id/messages',
    {
      config: { access: { to: 'member', of: 'conversation', role: 'reader' } },
      schema: {
        tags: ['conversations'],
        summary: 'Read the messages of the branch that is shown, and which run is being answered',
        params: idParams,
        response: { 200: historySchema },
      },
    },
    (request) => getHistory(store, request.grant.conversationId),
  );

  app.patch(
    '/api/conversations/:id',
    {
      config: { access: { to: 'member', of: 'conversation', role: 'writer' } },
      schema: {
        tags: ['conversations'],
        summary: 'Change the title or the settings, or show another branch',
        description: 'What is left out stays as it is.',
        params: idParams,
        body: changeConversationSchema,
        response: { 200: conversationSchema },
      },
    },
    (request) => {
      assertModelOffered(request.body.model ?? undefined, models);
      return changeConversation(store, request.grant.conversationId, request.user.id, request.body);
    },
  );

  app.patch(
    '/api/conversations/:id/membership',
    {
      config: { access: { to: 'member', of: 'conversation', role: 'reader' } },
      schema: {
        tags: ['conversations'],
        summary: 'Pin or archive it, for yourself alone',
        params: idParams,
        body: changeMembershipSchema,
        response: { 200: conversationSchema },
      },
    },
    (request) => changeMembership(store, request.grant.conversationId, request.user.id, request.body),
  );

  app.delete(
    '/api/conversations/:id',
    {
      config: { access: { to: 'member', of: 'conversation', role: 'owner' } },
      schema: {
        tags: ['conversations'],
        summary: 'Delete it for everybody, and stop its runs',
        params: idParams,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      const runs = await deleteConversation(store, request.grant.conversationId);
      // One after the other: each takes the lock of the conversation, and a hundred at once would take every connection.
      for (const run of runs) await stopRun(services, run, request.log);
      return reply.code(204).send(null);
    },
  );
}
