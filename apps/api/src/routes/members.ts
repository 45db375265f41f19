import { changeMemberSchema, memberListSchema, memberSchema } from '@holdfast/shared/http/sharing.ts';
import { changeRole, leaveConversation, listMembers, removeMember } from '@holdfast/shared/store/members.ts';
import { z } from 'zod';
import { idParams, pathId } from './request.ts';
import type { App, Services } from './services.ts';

const memberParams = z.object({ id: z.string(), userId: z.string() });

/** `/api/conversations/:id/members`: who belongs to a conversation, and as what. */
export function registerMembers(app: App, { store }: Services): void {
  app.get(
    '/api/conversations/:id/members',
    {
      config: { access: { to: 'member', of: 'conversation', role: 'reader' } },
      schema: {
        tags: ['sharing'],
        summary: 'List the members',
        params: idParams,
        response: { 200: memberListSchema },
      },
    },
    async (request) => ({ members: await listMembers(store, request.grant.conversationId) }),
  );

  app.patch(
    '/api/conversations/:id/members/:userId',
    {
      config: { access: { to: 'member', of: 'conversation', role: 'owner' } },
      schema: {
        tags: ['sharing'],
        summary: 'Give a member another role',
        params: memberParams,
        body: changeMemberSchema,
        response: { 200: memberSchema },
      },
    },
    (request) => changeRole(store, request.grant.conversationId, memberId(request.params), request.body.role),
  );

  app.delete(
    '/api/conversations/:id/members/:userId',
    {
      config: { access: { to: 'member', of: 'conversation', role: 'owner' } },
      schema: {
        tags: ['sharing'],
        summary: 'Remove a member; what they wrote and asked stays',
        params: memberParams,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      await removeMember(store, request.grant.conversationId, memberId(request.params));
      return reply.code(204).send(null);
    },
  );

  app.post(
    '/api/conversations/:id/leave',
    {
      config: {
        access: { to: 'member', of: 'conversation', role: 'reader' },
        idempotency: { natural: 'who has left is no member any more' },
      },
      schema: {
        tags: ['sharing'],
        summary: 'Leave a conversation',
        params: idParams,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      await leaveConversation(store, request.grant.conversationId, request.user.id);
      return reply.code(204).send(null);
    },
  );
}

/** Throws `member_not_found` for what can be no id. */
const memberId = ({ userId }: z.infer<typeof memberParams>): string =>
  pathId({ params: { id: userId } }, 'member');
