/**
 * The bell that wakes a worker for a run. What is to be done stands in Postgres: a job carries the run's id and nothing
 * else, so a job that is lost, doubled or late changes nothing.
 */
import { type ConnectionOptions, type JobsOptions, Queue } from 'bullmq';
import { queuePrefix } from './run-log/keys.ts';

export const queueName = 'runs';
export const jobName = 'run';

export interface RunJob {
  readonly runId: string;
}

/**
 * One try per job, and nothing of it kept: attempts, limits and results live in Postgres, and a kept job would swallow
 * the next one of the same id.
 */
const jobOptions: JobsOptions = { attempts: 1, removeOnComplete: true, removeOnFail: true };

export interface RunQueue {
  /**
   * Wakes a worker for a run. The job's id is the run's: while one waits or is worked on, another adds nothing.
   * Rejects when Redis does not answer; the sweeper rings later, so the caller need not care.
   */
  ring(runId: string): Promise<void>;
  close(): Promise<void>;
}

/** The sending end of the queue. `connection` stays the caller's. */
export function createRunQueue(options: {
  connection: ConnectionOptions;
  prefix: string;
  onError: (error: Error) => void;
}): RunQueue {
  const queue = new Queue<RunJob>(queueName, {
    connection: options.connection,
    prefix: queuePrefix(options.prefix),
    defaultJobOptions: jobOptions,
    // Otherwise a call made while Redis is away would wait for it instead of failing.
    skipWaitingForReady: true,
  });
  queue.on('error', options.onError);
  return {
    async ring(runId) {
      await queue.add(jobName, { runId }, { jobId: runId });
    },
    close: () => queue.close(),
  };
}
