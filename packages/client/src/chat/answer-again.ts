import type { Client } from '../client.ts';
import type { Regenerate } from '../wire.ts';
import type { Screen } from './screen.ts';
import type { Wishes } from './wishes.ts';

/** The ways to have a question answered again: anew, or going on with the answer that is there. */
export const createAnswerAgain =
  (client: Client, wishes: Wishes, screen: Screen) =>
  (how: 'regenerate' | 'continueAnswer') =>
  (messageId: string, wanted: Regenerate = {}): Promise<boolean> =>
    wishes.grant(messageId, `${how} ${JSON.stringify(wanted)}`, async (idempotencyKey, signal) => {
      const { run } = await client[how](messageId, wanted, { idempotencyKey, signal });
      if (!signal.aborted) screen.accepted(null, null, run);
    });
