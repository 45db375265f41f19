/** A worker process: settings, connections, BullMQ worker, signals. The only file of the worker that opens anything. */
import { once } from 'node:events';
import { hostname } from 'node:os';
import { createDispatcher } from '@holdfast/shared/dispatcher.ts';
import { createLogger } from '@holdfast/shared/logger.ts';
import { onShutdown, orExit } from '@holdfast/shared/process.ts';
import { createRunQueue, queueName, type RunJob } from '@holdfast/shared/queue.ts';
import { connectRedis, type RedisRole, redisFault, whenReady } from '@holdfast/shared/redis.ts';
import { forgetLogs } from '@holdfast/shared/run-log/forget-logs.ts';
import { queuePrefix } from '@holdfast/shared/run-log/keys.ts';
import { createLeanConnection } from '@holdfast/shared/run-log/lean-connection.ts';
import { createRedisRunLog } from '@holdfast/shared/run-log/redis.ts';
import { leanScriptsThrough } from '@holdfast/shared/run-log/scripts.ts';
import { connectDatabase } from '@holdfast/shared/store/database.ts';
import { databaseFault } from '@holdfast/shared/store/database-fault.ts';
import { createRunGroups } from '@holdfast/shared/store/run-groups.ts';
import { createFeedBell } from '@holdfast/shared/sync/feed-bell.ts';
import { DelayedError, Worker } from 'bullmq';
import { listenForCancels } from './cancel-listener.ts';
import { readWorkerConfig } from './config.ts';
import { createLeaseKeeper } from './lease-keeper.ts';
import { createPresence } from './presence.ts';
import { processRun } from './process-run.ts';
import { startPurger } from './purger.ts';
import { startSweeper } from './sweeper.ts';
import { startTitleWriter } from './titles/titles.ts';
import { createOpenAiUpstream } from './upstream/openai.ts';

/** To hand back its runs at the end of the drain time a worker needs Postgres and Redis; if they are away, it ends without. */
const handBackMsMax = 2_000;

const config = await orExit('', async () => readWorkerConfig());
const workerId = `${hostname()}:${process.pid}`;
const logger = createLogger('worker', config.logLevel).child({ workerId });
const prefix = config.redisPrefix;

const store = connectDatabase({
  url: config.databaseUrl,
  connectionsMax: config.databaseConnections,
  applicationName: 'holdfast-worker',
  onIdleError: (error) => logger.warn({ err: error }, 'a Postgres connection broke'),
});
const onRedisError = (error: Error) => logger.warn({ err: error }, 'a Redis connection broke');
const connect = (role: RedisRole, name: string) =>
  connectRedis({ url: config.redisUrl, role, name: `holdfast-${name}`, onError: onRedisError });
const redis = connect('commands', 'worker');
const writeRedis = connect('lean', 'worker-writes');
const queueRedis = connect('queueWorker', 'worker-queue');
const subscriber = connect('subscriber', 'worker-cancels');

await orExit('Redis cannot be used (REDIS_URL)', async () => {
  await Promise.all([redis, writeRedis].map(whenReady));
  return redisFault(redis, config.redisAof);
});
await orExit('Postgres cannot be used (DATABASE_URL)', () => databaseFault(store));

const runLog = createRedisRunLog({
  redis,
  prefix,
  retentionMs: config.runLogRetentionMs,
  writes: leanScriptsThrough(createLeanConnection(writeRedis)),
});
const queue = createRunQueue({ connection: redis, prefix, onError: onRedisError });
const dispatcher = createDispatcher({ store, queue, limits: config, logger });
const feedBell = createFeedBell({ redis, prefix, store, logger });
const leases = createLeaseKeeper({
  store,
  leaseMs: config.leaseMs,
  runMsMax: config.runMsMax,
  extendLocks: (jobIds, tokens, ms) => worker.extendJobLocks(jobIds, tokens, ms),
  logger,
});
const upstream = createOpenAiUpstream({
  apiKey: config.apiKey,
  baseUrl: config.baseUrl,
  organization: config.organization,
  maxTokensField: config.maxTokensField,
  idleMs: config.upstreamIdleMs,
});

const runs = createRunGroups(store, workerId, config.leaseMs);

const titles =
  config.titles === 'on' ? startTitleWriter({ store, upstream, feedBell, workerId, logger }) : null;

/** Aborted at the end of the drain time. */
const leaving = new AbortController();

const worker = new Worker<RunJob>(
  queueName,
  async (job, token = '') => {
    const { runId } = job.data;
    const { delayMs } = await processRun(runId, token, {
      store,
      runs,
      runLog,
      upstream,
      leases,
      feedBell,
      logger,
      retriesMax: config.upstreamRetries,
      tokensPerDay: config.tokensPerDay,
      leaving: leaving.signal,
    });
    // A place is free.
    void dispatcher.dispatch();
    titles?.wake();
    if (delayMs === null) return;
    await job.moveToDelayed(Date.now() + delayMs, token);
    throw new DelayedError();
  },
  {
    connection: queueRedis,
    prefix: queuePrefix(prefix),
    concurrency: config.concurrency,
    lockDuration: config.leaseMs,
    // The lease keeper does it: see there.
    skipLockRenewal: true,
    // With the lease, the time until the run of a dead worker goes on.
    stalledInterval: 1_000,
    // In seconds. A worker that is frozen still takes its turn in Redis' line of waiting workers, and what wakes it wakes
    // nobody else: the others look by themselves so often.
    drainDelay: 1,
    // BullMQ would fail a job that stalled more often without calling us; how often a run may crash is our decision.
    maxStalledCount: Number.MAX_SAFE_INTEGER,
    runRetryDelay: 1_000,
    autorun: false,
  },
);
worker.on('error', (error) => logger.warn({ err: error }, 'the queue reported an error'));
worker.on('failed', (job, error) =>
  logger.error({ err: error, runId: job?.data.runId }, 'a job failed; the sweeper rings again'),
);

await listenForCancels({ redis: subscriber, prefix }, (runId) => leases.stop(runId, 'cancelled'));
const presence = createPresence({
  store,
  workerId,
  concurrency: config.concurrency,
  leaseMs: config.leaseMs,
  logger,
});
const stopSweeper = startSweeper({ store, queue, dispatcher, logger });
const stopPurger = startPurger({ store, forgetLogs: (runIds) => forgetLogs(redis, prefix, runIds), logger });

onShutdown(logger, async (hurry) => {
  // Stop taking runs, let those that are held come to their end, and hand back what is left at the deadline.
  stopSweeper();
  stopPurger();
  const titlesClosed = titles?.close();
  void presence.leave();
  const handedBack = new AbortController();
  const handBack = () => {
    leases.stopAll('handBack');
    leaving.abort();
    setTimeout(() => handedBack.abort(), handBackMsMax);
  };
  const deadline = setTimeout(handBack, config.drainMs);
  hurry.addEventListener('abort', handBack);
  // While Redis is away BullMQ would wait for it without end.
  await Promise.race([worker.close(), once(handedBack.signal, 'abort')]);
  clearTimeout(deadline);
  await titlesClosed;
  leases.close();
  await presence.close();
  await queue.close();
  for (const connection of [redis, writeRedis, queueRedis, subscriber]) connection.disconnect();
  await store.destroy();
});

const running = worker.run();
running.catch((error: unknown) => logger.error({ err: error }, 'the queue stopped'));
await orExit('Postgres cannot be used (DATABASE_URL)', async () => {
  await presence.open();
  return null;
});
// Runs may have waited for a worker to come.
void dispatcher.dispatch();
logger.info({ concurrency: config.concurrency, baseUrl: config.baseUrl, model: config.model }, 'ready');
process.send?.({ type: 'ready' });
