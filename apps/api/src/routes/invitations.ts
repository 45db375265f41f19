import { conversationSchema } from '@holdfast/shared/http/schemas.ts';
import {
  createdInvitationSchema,
  createInvitationSchema,
  invitationListSchema,
  invitationPreviewSchema,
} from '@holdfast/shared/http/sharing.ts';
import {
  acceptInvitation,
  createInvitation,
  listInvitations,
  previewInvitation,
  revokeInvitation,
} from '@holdfast/shared/store/invitations.ts';
import { z } from 'zod';
import { pageUrl } from './page-url.ts';
import { idempotentRequest, idParams, pathId } from './request.ts';
import type { App, Services } from './services.ts';

const tokenParams = z.object({ token: z.string() });

/** `/api/conversations/:id/invitations` for owners, `/api/invitations/:token` for those who were invited. */
export function registerInvitations(app: App, { store, publicUrl, feedBell }: Services): void {
  app.post(
    '/api/conversations/:id/invitations',
    {
      config: { access: { to: 'member', of: 'conversation', role: 'owner' }, idempotency: 'key' },
      schema: {
        tags: ['sharing'],
        summary: 'Invite: make a token that makes members',
        params: idParams,
        body: createInvitationSchema,
        response: { 201: createdInvitationSchema },
      },
    },
    async (request, reply) => {
      const { invitation, token } = await createInvitation(
        store,
        idempotentRequest(request),
        request.grant.conversationId,
        request.body,
      );
      const url = pageUrl(publicUrl, request, `invitations/${token}`);
      return reply.code(201).send({ invitation, token, url });
    },
  );

  app.get(
    '/api/conversations/:id/invitations',
    {
      config: { access: { to: 'member', of: 'conversation', role: 'owner' } },
      schema: {
        tags: ['sharing'],
        summary: 'List the invitations that hold',
        params: idParams,
        response: { 200: invitationListSchema },
      },
    },
    async (request) => ({ invitations: await listInvitations(store, request.grant.conversationId) }),
  );

  app.delete(
    '/api/conversations/:id/invitations/:invitationId',
    {
      config: { access: { to: 'member', of: 'conversation', role: 'owner' } },
      schema: {
        tags: ['sharing'],
        summary: 'Revoke an invitation; who accepted it stays',
        params: z.object({ id: z.string(), invitationId: z.string() }),
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      const id = pathId({ params: { id: request.params.invitationId } }, 'invitation');
      await revokeInvitation(store, request.grant.conversationId, id);
      return reply.code(204).send(null);
    },
  );

  app.get(
    '/api/invitations/:token',
    {
      config: { access: { to: 'user' } },
      schema: {
        tags: ['sharing'],
        summary: 'See what one is invited to',
        params: tokenParams,
        response: { 200: invitationPreviewSchema },
      },
    },
    (request) => previewInvitation(store, request.user.id, request.params.token),
  );

  app.post(
    '/api/invitations/:token/accept',
    {
      config: { access: { to: 'user' }, idempotency: 'key' },
      schema: {
        tags: ['sharing'],
        summary: 'Become a member; a role that one has is never lowered',
        params: tokenParams,
        response: { 200: conversationSchema },
      },
    },
    async (request) => {
      const conversation = await acceptInvitation(store, idempotentRequest(request), request.params.token);
      // The conversation is not in the path, so that nobody else rings for its other members.
      feedBell.ring(conversation.id);
      return conversation;
    },
  );
}
