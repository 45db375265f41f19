/** Tickets, with the secret that all API processes share. */
import type { Store } from '@holdfast/shared/store/database.ts';
import { createSecretReader } from '@holdfast/shared/store/secrets.ts';
import { formatTicket, readTicket, ticketLifeMs } from '@holdfast/shared/ticket.ts';

export interface Tickets {
  /** A ticket for one user and one run, and when it expires. */
  make(userId: string, runId: string): Promise<{ ticket: string; expiresAt: Date }>;
  /** The id of the user that a ticket for this run was made for. Null: it does not hold, or not any more. */
  read(ticket: string, runId: string): Promise<string | null>;
}

export function createTickets(store: Store): Tickets {
  const readSecret = createSecretReader(store, 'tickets');
  return {
    async make(userId, runId) {
      const expiresAt = Date.now() + ticketLifeMs;
      return {
        ticket: formatTicket(await readSecret(), userId, runId, expiresAt),
        expiresAt: new Date(expiresAt),
      };
    },
    async read(ticket, runId) {
      return readTicket(await readSecret(), ticket, runId, Date.now());
    },
  };
}
