/** Public links as the test user makes them and anybody reads them. */
import type { SharedConversation } from '@holdfast/shared/http/sharing.ts';
import { call, type Reply } from './ask.ts';
import { nobody } from './people.ts';

export interface Link {
  readonly token: string;
  readonly url: string;
}

/** The address of a run's events behind a link, in the place where runs have theirs. */
export const eventsOf = (token: string, runId: string) => ({
  eventsUrl: `/api/shared/${token}/runs/${runId}/events`,
});

/** `here`, `there`: gives the API process of the owner, and the one that readers ask. */
export function publicLinksAt(here: () => string, there: () => string) {
  return {
    linkOf: async (conversationId: string): Promise<string> =>
      (await call<Link>(here(), 'PUT', `/api/conversations/${conversationId}/public-link`)).body.token,
    read: (token: string, base = there()): Promise<Reply<SharedConversation & { code: string }>> =>
      call(base, 'GET', `/api/shared/${token}`, undefined, nobody),
  };
}
