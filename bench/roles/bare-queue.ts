/** BullMQ alone: BENCH_QUEUE=`add` adds jobs as they are asked for, `work` processes them and does nothing in them. */
import { Queue, Worker } from 'bullmq';
import { ready, serve } from '../support/serve.ts';

const connection = { url: process.env['REDIS_URL'] ?? '', maxRetriesPerRequest: null };
const options = { connection, prefix: '{bare}' };

if (process.env['BENCH_QUEUE'] === 'add') {
  const queue = new Queue('bare', {
    ...options,
    defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: true },
  });
  await queue.waitUntilReady();
  let added = 0;
  serve({
    async add({ count, atOnce }: { count: number; atOnce: number }) {
      const last = added + count;
      async function lane(): Promise<void> {
        while (added < last) {
          added += 1;
          await queue.add('run', { runId: String(added) }, { jobId: `job-${added}` });
        }
      }
      await Promise.all(Array.from({ length: atOnce }, lane));
    },
  });
} else {
  let processed = 0;
  const worker = new Worker(
    'bare',
    async () => {
      processed += 1;
    },
    { ...options, concurrency: 100 },
  );
  await worker.waitUntilReady();
  serve({ processed: () => processed });
}
ready();
