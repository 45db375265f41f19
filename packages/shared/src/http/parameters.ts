import { z } from 'zod';

/** OpenAI accepts at most four; other providers accept as many or fewer. */
const stopSequencesMax = 4;
const stopCharsMax = 256;

/** OpenAI's own bound is the size of the vocabulary; 300 entries are more than any known use. */
const logitBiasEntriesMax = 300;

const stopSequence = z
  .string()
  .min(1)
  .max(stopCharsMax)
  .refine(
    (text) => !text.includes('\u0000') && text.isWellFormed(),
    'must be text without NUL or lone surrogates',
  );

/**
 * Sampling parameters of one run, passed to the provider under OpenAI's names. Ranges are those of OpenAI's
 * "Create chat completion" reference. `n` may only be 1: a run makes one message.
 */
export const parametersSchema = z
  .strictObject({
    temperature: z.number().min(0).max(2),
    top_p: z.number().min(0).max(1),
    max_tokens: z.int().min(1).max(1_000_000),
    stop: z.union([stopSequence, z.array(stopSequence).min(1).max(stopSequencesMax)]),
    presence_penalty: z.number().min(-2).max(2),
    frequency_penalty: z.number().min(-2).max(2),
    logit_bias: z
      .record(z.string().regex(/^\d{1,7}$/, 'keys must be token ids'), z.number().min(-100).max(100))
      .refine(
        (bias) => Object.keys(bias).length <= logitBiasEntriesMax,
        `at most ${logitBiasEntriesMax} entries`,
      ),
    seed: z.int(),
    n: z.literal(1),
  })
  .partial();

export type Parameters = z.infer<typeof parametersSchema>;
