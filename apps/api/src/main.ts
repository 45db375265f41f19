/** The API process: settings, connections, application, signals. The only file of the API that opens anything. */
import type { AddressInfo } from 'node:net';
import { createLogger } from '@holdfast/shared/logger.ts';
import { onShutdown, orExit } from '@holdfast/shared/process.ts';
import { createRunQueue } from '@holdfast/shared/queue.ts';
import { connectRedis, redisFault, whenReady } from '@holdfast/shared/redis.ts';
import { createRedisRunLog, createRedisRunLogFeed } from '@holdfast/shared/run-log/redis.ts';
import { connectDatabase, databaseFault, pingDatabase } from '@holdfast/shared/store/database.ts';
import { endedRuns } from '@holdfast/shared/store/runs.ts';
import { buildApp } from './app.ts';
import { readApiConfig } from './config.ts';
import { createHub } from './hub/hub.ts';
import { createConnections } from './sse/connection.ts';

const config = await orExit('', async () => readApiConfig());
const logger = createLogger('api', config.logLevel);

const store = connectDatabase({
  url: config.databaseUrl,
  connectionsMax: config.databaseConnections,
  applicationName: 'holdfast-api',
  onIdleError: (error) => logger.warn({ err: error }, 'a Postgres connection broke'),
});
const onRedisError = (error: Error) => logger.warn({ err: error }, 'a Redis connection broke');
const redis = connectRedis({
  url: config.redisUrl,
  role: 'commands',
  name: 'holdfast-api',
  onError: onRedisError,
});
const subscriber = connectRedis({
  url: config.redisUrl,
  role: 'subscriber',
  name: 'holdfast-api-feed',
  onError: onRedisError,
});

await orExit('Redis cannot be used (REDIS_URL)', async () => {
  await whenReady(redis);
  return redisFault(redis);
});
await orExit('Postgres cannot be used (DATABASE_URL)', () => databaseFault(store));

const runLog = createRedisRunLog({
  redis,
  prefix: config.redisPrefix,
  retentionMs: config.runLogRetentionMs,
});
const queue = createRunQueue({ connection: redis, prefix: config.redisPrefix, onError: onRedisError });
const connections = createConnections({
  heartbeatMs: config.heartbeatMs,
  lifeMsMax: config.connectionLifeMs,
  connectionsMax: config.connectionsMax,
});
const hub = createHub({
  runLog,
  createFeed: (handlers) =>
    createRedisRunLogFeed({ redis: subscriber, prefix: config.redisPrefix }, handlers),
  lookUpEnds: (runIds) => endedRuns(store, runIds),
  logger,
});

let draining = false;
const app = await buildApp({
  config,
  logger,
  services: {
    store,
    runLog,
    queue,
    isQueueReachable: () => redis.status === 'ready',
    hub,
    connections,
    models: [config.model, ...config.models.filter((model) => model !== config.model)],
  },
  health: {
    checks: { postgres: () => pingDatabase(store), redis: () => redis.ping() },
    isDraining: () => draining,
  },
});

onShutdown(logger, async (hurry) => {
  // First say that nothing new is welcome, then let the readers go one by one, then close what they used.
  draining = true;
  await connections.drain(config.drainMs, hurry);
  await app.close();
  hub.close();
  connections.close();
  await queue.close();
  redis.disconnect();
  subscriber.disconnect();
  await store.destroy();
});

await orExit('The API cannot listen (PORT, HOST)', async () => {
  await app.listen({ port: config.port, host: config.host });
  return null;
});
const { port } = app.server.address() as AddressInfo;
const url = `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${port}`;
logger.info({ url }, 'ready');
process.send?.({ type: 'ready', url });
