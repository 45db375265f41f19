import { z } from 'zod';

/** What an admin may set for one user. A field that is missing is as the settings of the server say. */
export const userLimitsSchema = z
  .strictObject({
    requestsPerMinute: z.int().min(1).max(1_000_000),
    eventConnections: z.int().min(1).max(10_000),
    waitingRuns: z.int().min(0).max(100_000),
    concurrentRuns: z.int().min(1).max(10_000),
    tokensPerDay: z.int().min(0).max(2_000_000_000),
    weight: z
      .number()
      .min(0.01)
      .max(1_000)
      .describe('share of the workers, when they are short: 2 gets twice as much as 1'),
    priority: z.int().min(-10).max(10).describe('runs of a higher priority go before all of a lower one'),
  })
  .partial();

export type UserLimits = z.infer<typeof userLimitsSchema>;
