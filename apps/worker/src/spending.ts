import type { Usage } from '@holdfast/shared/protocol/run-event.ts';
import type { Prompt, UpstreamChunk } from './upstream/upstream.ts';
import { estimateUsage } from './usage.ts';

/** What one attempt costs, for whoever brings it to its end, whichever that is. */
export interface Spending {
  /** The provider is asked this now. */
  ask(prompt: Prompt): void;
  add(chunk: UpstreamChunk): void;
  /** The provider failed. Before its first word that costs nothing. */
  fail(): void;
  /**
   * The provider's last figure, also of an answer that was stopped, or else an estimate of what was received. Null: nothing
   * was asked, or nothing answered.
   */
  total(): Usage | null;
}

export function createSpending(): Spending {
  let prompt: Prompt | null = null;
  let text = '';
  let usage: Usage | null = null;
  let failed = false;
  return {
    ask(asked) {
      prompt = asked;
    },
    add(chunk) {
      if (chunk.usage) usage = chunk.usage;
      if (chunk.text !== undefined) text += chunk.text;
    },
    fail() {
      failed = true;
    },
    total() {
      if (usage) return usage;
      return prompt === null || (failed && text === '') ? null : estimateUsage(prompt, text);
    },
  };
}
