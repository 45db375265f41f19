/** Bodies of `/api/admin/queue`. */
import { z } from 'zod';

export const queueStateSchema = z.object({
  waiting: z.int().describe('runs that wait for their turn'),
  running: z.int().describe('runs that are being answered'),
  workers: z.array(
    z.object({
      id: z.string(),
      concurrency: z.int().describe('runs that it answers at a time; 0: it shuts down'),
      running: z.int(),
      seenAt: z.iso.datetime(),
    }),
  ),
  waitingByUser: z
    .array(z.object({ userId: z.uuid(), name: z.string(), waiting: z.int() }))
    .describe('the users with the most waiting runs, at most 20'),
});
export type QueueState = z.infer<typeof queueStateSchema>;
