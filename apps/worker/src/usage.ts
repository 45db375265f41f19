import type { Usage } from '@holdfast/shared/protocol/run-event.ts';
import { encode } from 'gpt-tokenizer';
import type { Prompt } from './upstream/upstream.ts';

/** OpenAI's chat format spends about this many tokens on the frame of each message. */
const tokensPerMessage = 4;

/** "<|endoftext|>" in what people type is text, not a control token: without this it would throw. */
const asText = { disallowedSpecial: new Set<string>() };

/**
 * The tokenizer's time grows with the square of a run of letters without a break: 100,000 Chinese characters take it
 * 40 s, in which this worker could renew no lease and would lose all its runs. Cut into pieces of this length the time
 * grows with the length, and the count is off by less than one token per piece.
 */
const pieceChars = 128;

/** Text beyond this is taken to be like the text before it: an estimate may cost a few tens of milliseconds, no more. */
const countedCharsMax = 128 * 1_024;

/** Tokens of an answer whose provider named none, because it was stopped or does not count: marked as estimated. */
export function estimateUsage(prompt: Prompt, text: string): Usage {
  const contents = prompt.messages.map((message) => message.content);
  return {
    inputTokens: countTokens(contents) + contents.length * tokensPerMessage,
    outputTokens: countTokens([text]),
    estimated: true,
  };
}

/** Tokens of texts. Piece by piece it counts somewhat more than for the whole. */
export function countTokens(texts: readonly string[]): number {
  let chars = 0;
  let countedChars = 0;
  let countedTokens = 0;
  for (const text of texts) {
    chars += text.length;
    for (let at = 0; at < text.length && countedChars < countedCharsMax; at += pieceChars) {
      const piece = text.slice(at, at + pieceChars);
      countedChars += piece.length;
      countedTokens += encode(piece, asText).length;
    }
  }
  return countedChars === 0 ? 0 : Math.round((countedTokens * chars) / countedChars);
}
