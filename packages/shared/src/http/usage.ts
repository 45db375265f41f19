import { z } from 'zod';

/** A year and a day: more is for reports, not for people. */
export const usageDaysMax = 366;

/** What is shown when nobody asks for other days. */
export const usageDaysDefault = 30;

/** The tokens of one model on one day. */
export const modelUsageSchema = z.object({
  model: z.string(),
  runs: z.int(),
  attempts: z.int(),
  inputTokens: z.int(),
  outputTokens: z.int(),
  estimated: z
    .boolean()
    .describe('whether some of the tokens are our estimate and not the figure of the provider'),
});

export const usageSchema = z.object({
  days: z
    .array(z.object({ date: z.iso.date(), models: z.array(modelUsageSchema) }))
    .describe('oldest first; days without usage are left out'),
  limit: z.object({
    tokensPerDay: z.int().nullable().describe('null: no limit'),
    usedToday: z.int(),
    reserved: z.int().describe('set aside for runs that have not ended'),
  }),
});
export type UsageReport = z.infer<typeof usageSchema>;

export const usageQuerySchema = z.strictObject({
  from: z.iso.date().optional().describe(`first day (UTC); default: ${usageDaysDefault} days up to \`to\``),
  to: z.iso.date().optional().describe('last day (UTC); default: today'),
});
