import type { Usage } from '@holdfast/shared/protocol/run-event.ts';
import { encode } from 'gpt-tokenizer';
import type { Prompt } from './upstream/upstream.ts';

/** OpenAI's chat format spends about this many tokens on the frame of each message. */
const tokensPerMessage = 4;

/** "<|endoftext|>" in what people type is text, not a control token: without this it would throw. */
const asText = { disallowedSpecial: new Set<string>() };

/** Tokens of an answer whose provider named none, because it was stopped or does not count: marked as estimated. */
export function estimateUsage(prompt: Prompt, text: string): Usage {
  const inputTokens = prompt.messages.reduce(
    (sum, message) => sum + encode(message.content, asText).length + tokensPerMessage,
    0,
  );
  return { inputTokens, outputTokens: encode(text, asText).length, estimated: true };
}
