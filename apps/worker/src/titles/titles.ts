/**
 * Has titles written for conversations that have none: a few at a time, beside the runs and never in place of one.
 * Postgres knows which are due, so that nothing is lost with a process; a title that cannot be had is given up quietly.
 */
import { backoffMs } from '@holdfast/shared/abort.ts';
import type { Logger } from '@holdfast/shared/logger.ts';
import type { Usage } from '@holdfast/shared/protocol/run-event.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import {
  claimTitles,
  type DueTitle,
  putOffTitle,
  recordTitleCost,
  writeTitle,
} from '@holdfast/shared/store/titles.ts';
import type { FeedBell } from '@holdfast/shared/sync/feed-bell.ts';
import { classify } from '../upstream/classify.ts';
import type { Upstream } from '../upstream/upstream.ts';
import { estimateUsage } from '../usage.ts';
import { cleanTitle, titlePrompt } from './title-prompt.ts';

/** Titles that one worker has written at a time: they come seldom and may wait, but not for one that hangs. */
const atOnceMax = 4;

/** How often due titles are looked for, besides after each run: those of other workers that died. */
const lookMs = 5_000;

/** Longest time for one title. */
const titleMsMax = 30_000;

/** A model that does not come to its end has no title to give. */
const answerCharsMax = 20_000;

/** Waits between tries. */
const retryMsMin = 1_000;
const retryMsMax = 10_000;

export interface TitleWriter {
  /** Looks for titles that are due. Never waits, never throws. */
  wake(): void;
  /** Stops at once; what was not written is due again later. */
  close(): Promise<void>;
}

export function startTitleWriter(options: {
  readonly store: Store;
  readonly upstream: Upstream;
  readonly feedBell: FeedBell;
  readonly workerId: string;
  readonly logger: Logger;
}): TitleWriter {
  const { store, upstream, feedBell, workerId, logger } = options;
  const closing = new AbortController();
  const underWay = new Set<Promise<void>>();
  let looking = false;
  let again = false;

  async function look(): Promise<void> {
    const free = atOnceMax - underWay.size;
    if (free === 0 || closing.signal.aborted) return;
    for (const due of await claimTitles(store, free)) {
      const work = handle(due).finally(() => {
        underWay.delete(work);
        // More may have waited for this place.
        wake();
      });
      underWay.add(work);
    }
  }

  /** One look at a time: two would take more titles than there is room for. */
  function wake(): void {
    again = looking;
    if (looking) return;
    looking = true;
    look()
      .catch((error: unknown) => logger.debug({ err: error }, 'could not look for titles; trying again'))
      .finally(() => {
        looking = false;
        if (again) wake();
      });
  }

  async function handle(due: DueTitle): Promise<void> {
    const { conversationId, tries } = due;
    try {
      const title = await ask(due);
      if (title === null) throw new Error('the answer holds no title');
      if (await writeTitle(store, conversationId, title)) feedBell.ring(conversationId);
    } catch (error) {
      logger.info({ err: error, conversationId, tries }, 'no title could be written');
      // If this fails, too, the claim runs out.
      await putOffTitle(store, due, backoffMs(tries, retryMsMin, retryMsMax)).catch(() => {});
    }
  }

  /** The model's title, or null; what it cost is written down. Throws what the provider throws. */
  async function ask(due: DueTitle): Promise<string | null> {
    const prompt = titlePrompt(due);
    const stop = AbortSignal.any([closing.signal, AbortSignal.timeout(titleMsMax)]);
    let text = '';
    let usage: Usage | null = null;
    let failure: Error | null = null;
    try {
      for await (const chunk of upstream.answer(prompt, stop)) {
        text += chunk.text ?? '';
        usage = chunk.usage ?? usage;
        if (text.length > answerCharsMax) break;
      }
      stop.throwIfAborted();
    } catch (error) {
      failure = stop.aborted ? new Error('stopped, or took too long') : classify(error);
    }
    const cost = usage ?? (failure && text === '' ? null : estimateUsage(prompt, text));
    if (cost) await recordTitleCost(store, due, workerId, cost);
    if (failure) throw failure;
    return cleanTitle(text);
  }

  const timer = setInterval(wake, lookMs);
  wake();

  return {
    wake,
    async close() {
      clearInterval(timer);
      closing.abort();
      await Promise.allSettled(underWay);
    },
  };
}
