import { ticketSchema } from '@holdfast/shared/http/accounts.ts';
import { idParams, pathId } from './request.ts';
import type { App, Services } from './services.ts';

/** `/api/runs/:id/tickets`: for readers who can send neither a cookie nor a header. */
export function registerTickets(app: App, { accounts: { tickets } }: Services): void {
  app.post(
    '/api/runs/:id/tickets',
    {
      config: {
        access: { to: 'member', of: 'run', role: 'reader' },
        idempotency: { none: 'tickets are not stored' },
      },
      schema: {
        tags: ['runs'],
        summary: 'Make a ticket: an address that follows this run, for ten minutes',
        params: idParams,
        response: { 201: ticketSchema },
      },
    },
    async (request, reply) => {
      const runId = pathId(request, 'run');
      const { ticket, expiresAt } = await tickets.make(request.user.id, runId);
      return reply.code(201).send({
        ticket,
        eventsUrl: `/api/runs/${runId}/events?ticket=${ticket}`,
        expiresAt: expiresAt.toISOString(),
      });
    },
  );
}
