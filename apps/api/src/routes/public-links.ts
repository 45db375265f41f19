import { publicLinkSchema } from '@holdfast/shared/http/sharing.ts';
import { deletePublicLink, getPublicLink, putPublicLink } from '@holdfast/shared/store/public-links.ts';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { pageUrl } from './page-url.ts';
import { idParams } from './request.ts';
import type { App, Services } from './services.ts';

/** `/api/conversations/:id/public-link`: the link under which anyone can read a conversation. */
export function registerPublicLinks(app: App, { store, publicUrl }: Services): void {
  const toLink = (request: FastifyRequest, token: string): z.infer<typeof publicLinkSchema> => ({
    token,
    url: pageUrl(publicUrl, request, `shared/${token}`),
  });

  app.put(
    '/api/conversations/:id/public-link',
    {
      config: { access: { to: 'member', of: 'conversation', role: 'owner' } },
      schema: {
        tags: ['sharing'],
        summary: 'Make the public link, or get the one that there is',
        params: idParams,
        response: { 200: publicLinkSchema },
      },
    },
    async (request) => toLink(request, await putPublicLink(store, request.grant.conversationId)),
  );

  app.get(
    '/api/conversations/:id/public-link',
    {
      config: { access: { to: 'member', of: 'conversation', role: 'owner' } },
      schema: {
        tags: ['sharing'],
        summary: 'Read the public link',
        params: idParams,
        response: { 200: publicLinkSchema },
      },
    },
    async (request) => toLink(request, await getPublicLink(store, request.grant.conversationId)),
  );

  app.delete(
    '/api/conversations/:id/public-link',
    {
      config: { access: { to: 'member', of: 'conversation', role: 'owner' } },
      schema: {
        tags: ['sharing'],
        summary: 'Revoke the public link; whoever follows it is cut off',
        params: idParams,
        response: { 204: z.null() },
      },
    },
    async (request, reply) => {
      await deletePublicLink(store, request.grant.conversationId);
      return reply.code(204).send(null);
    },
  );
}
