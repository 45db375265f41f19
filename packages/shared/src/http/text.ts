import { z } from 'zod';

/** 100,000 UTF-16 units are a book chapter; above that the model's context is the limit, not ours. */
export const messageCharsMax = 100_000;

/** A system prompt rides along with every request of its conversation. */
export const systemPromptCharsMax = 32_000;

/** Titles stand in lists. */
export const titleCharsMax = 200;

/**
 * Text that people typed. NUL and lone surrogates are refused here, because Postgres refuses them later
 * (SQLSTATE 22021, 22P02) and the client would see a 500 for something that it can mend.
 */
export function humanText(charsMax: number) {
  return z
    .string()
    .min(1)
    .max(charsMax)
    .refine((text) => !text.includes('\u0000'), 'must not contain NUL characters')
    .refine((text) => text.isWellFormed(), 'must not contain lone surrogates (broken UTF-16)')
    .refine((text) => text.trim() !== '', 'must not be blank');
}
