import { sleep } from '@holdfast/shared/abort.ts';
import type { Logger } from '@holdfast/shared/logger.ts';
import { extendReservation } from '@holdfast/shared/store/allowance.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import type { RunRow } from '@holdfast/shared/store/views.ts';
import type { Prompt } from './upstream/upstream.ts';
import { countTokens, estimateUsage } from './usage.ts';

/**
 * An answer that outgrows what was set aside for it asks for so many tokens more at a time: at the pace of a fast model
 * once in some seconds, for which it stands still for some milliseconds.
 */
const stepTokens = 1_000;

/** A row that is locked is free again within milliseconds; what cannot be told then is asked again with the answer. */
const promptTriesMax = 5;
const promptRetryMs = 50;

/** Keeps one attempt within its user's tokens of the day. */
export interface TokenAllowance {
  /** Whether there are tokens for this prompt. Ask before the provider is asked. */
  covers(prompt: Prompt): Promise<boolean>;
  /**
   * Counts a piece of the answer. Where that is more than was set aside, resolves when more is, and the provider is not read
   * until then: what it sends meanwhile would be beyond the limit. Null: there is nothing to wait for.
   */
  count(text: string): Promise<void> | null;
  /** Aborted when there are no more tokens. */
  readonly usedUp: AbortSignal;
}

/** A run for which nothing was set aside has no limit. While Postgres is away, nobody is stopped. */
export function createTokenAllowance({
  run,
  store,
  tokensPerDay,
  logger,
}: {
  run: RunRow;
  store: Store;
  tokensPerDay: number;
  logger: Logger;
}): TokenAllowance {
  const usedUp = new AbortController();
  const limited = run.reserved_tokens > 0;
  let reserved = run.reserved_tokens;
  let counted = 0;

  async function extend(): Promise<void> {
    while (counted > reserved) {
      const tokens = Math.max(stepTokens, counted - reserved);
      const more = await extendReservation(store, { runId: run.id, attempt: run.attempt }, tokens, {
        tokensPerDay,
      });
      if (more === null) return;
      if (more === 0) return usedUp.abort();
      reserved += more;
    }
  }

  async function extendOrGoOn(): Promise<void> {
    try {
      await extend();
    } catch (error) {
      logger.warn({ err: error }, "cannot ask for more of the user's tokens; going on");
      reserved = counted + stepTokens;
    }
  }

  return {
    usedUp: usedUp.signal,
    async covers(prompt) {
      if (!limited) return true;
      counted = estimateUsage(prompt, '').inputTokens;
      for (let tries = 0; counted > reserved && tries < promptTriesMax; tries += 1) {
        if (tries > 0) await sleep(promptRetryMs);
        await extendOrGoOn();
        if (usedUp.signal.aborted) return false;
      }
      return true;
    },
    count(text) {
      if (!limited) return null;
      counted += countTokens([text]);
      return counted > reserved ? extendOrGoOn() : null;
    },
  };
}
