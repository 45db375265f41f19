import type { FinishReason } from '@holdfast/shared/protocol/run-event.ts';
import type { AttemptLog } from './attempt-log.ts';
import { createDeltaBatcher } from './delta-batcher.ts';
import type { HeldRun } from './lease-keeper.ts';
import type { Spending } from './spending.ts';
import type { TokenAllowance } from './token-allowance.ts';
import { classify } from './upstream/classify.ts';
import type { Prompt, Upstream, UpstreamError } from './upstream/upstream.ts';

/** A model that repeats itself for ever must not fill Redis; the longest answers known are a tenth of this. */
const answerCharsMax = 16_000_000;

/** How the provider's answer ended. */
export type Answer =
  | { readonly kind: 'finished'; readonly finishReason: FinishReason }
  | { readonly kind: 'stopped' }
  | { readonly kind: 'tooLong' }
  | { readonly kind: 'usedUp' }
  | { readonly kind: 'failed'; readonly error: UpstreamError };

/**
 * Streams the provider's answer into the log, after the text that it begins with and that is there already. All deltas are
 * written when this resolves, and `text` is the whole. Throws RunLostError.
 */
export async function streamAnswer(
  prompt: Prompt,
  begun: string,
  {
    log,
    held,
    spending,
    allowance,
  }: { log: AttemptLog; held: HeldRun; spending: Spending; allowance: TokenAllowance },
  { upstream, leaving }: { upstream: Upstream; leaving: AbortSignal },
): Promise<{ answer: Answer; text: string }> {
  let text = begun;
  let receivedChars = begun.length;
  let finishReason: FinishReason | null = null;
  const tooLong = new AbortController();
  const batcher = createDeltaBatcher(async (delta) => {
    try {
      await log.append({ type: 'delta', data: { text: delta } }, leaving);
    } catch (error) {
      // Nobody will read what the model says from here on.
      held.requestStop('lost');
      throw error;
    }
    // What is stored is what was logged, to the letter.
    text += delta;
  });

  let failure: UpstreamError | null = null;
  const stop = AbortSignal.any([held.stop, tooLong.signal, allowance.usedUp]);
  spending.ask(prompt);
  try {
    for await (const chunk of upstream.answer(prompt, stop)) {
      spending.add(chunk);
      if (chunk.finishReason) finishReason = chunk.finishReason;
      if (chunk.text === undefined) continue;
      receivedChars += chunk.text.length;
      if (receivedChars > answerCharsMax) {
        tooLong.abort();
        continue;
      }
      batcher.push(chunk.text);
      const extended = allowance.count(chunk.text);
      if (extended) await extended;
    }
  } catch (error) {
    failure = classify(error);
    spending.fail();
  }
  await batcher.flush();

  let answer: Answer = { kind: 'stopped' };
  if (failure) answer = { kind: 'failed', error: failure };
  else if (tooLong.signal.aborted) answer = { kind: 'tooLong' };
  else if (finishReason) answer = { kind: 'finished', finishReason };
  // Whoever stopped it gets what they asked for.
  else if (allowance.usedUp.aborted && !held.stop.aborted) answer = { kind: 'usedUp' };
  return { answer, text };
}
