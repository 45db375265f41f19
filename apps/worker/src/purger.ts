import type { Logger } from '@holdfast/shared/logger.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import { claimDeleted, purgeConversation } from '@holdfast/shared/store/purge.ts';

/** Nobody waits for it. */
const purgeMs = 10_000;

/** Conversations of one go. */
const conversationsMax = 20;

/**
 * Removes what is left of deleted conversations. Every worker does it; they share the work. Returns the function that
 * stops it.
 */
export function startPurger({
  store,
  forgetLogs,
  logger,
}: {
  store: Store;
  forgetLogs: (runIds: readonly string[]) => Promise<void>;
  logger: Logger;
}): () => void {
  let purging = false;
  let stopped = false;

  async function purge(): Promise<void> {
    const ids = await claimDeleted(store, conversationsMax);
    for (const id of ids) {
      if (stopped) return;
      await purgeConversation(store, id, forgetLogs);
    }
    if (ids.length > 0) logger.info({ conversations: ids.length }, 'removed deleted conversations');
  }

  const timer = setInterval(
    () => {
      if (purging) return;
      purging = true;
      purge()
        .catch((error: unknown) => logger.warn({ err: error }, 'purging failed; trying again'))
        .finally(() => {
          purging = false;
        });
    },
    // Workers that were started together should not all purge in the same moment.
    purgeMs * (0.9 + Math.random() * 0.2),
  );
  return () => {
    stopped = true;
    clearInterval(timer);
  };
}
