/** The API process: settings, connections, application, signals. The only file of the API that opens anything. */
import type { AddressInfo } from 'node:net';
import { createDispatcher } from '@holdfast/shared/dispatcher.ts';
import { createLogger } from '@holdfast/shared/logger.ts';
import { onShutdown, orExit } from '@holdfast/shared/process.ts';
import { createRunQueue } from '@holdfast/shared/queue.ts';
import { connectRedis, type RedisRole, redisFault, whenReady } from '@holdfast/shared/redis.ts';
import { createLeanConnection } from '@holdfast/shared/run-log/lean-connection.ts';
import { createRedisRunLog } from '@holdfast/shared/run-log/redis.ts';
import { createRedisRunLogFeed } from '@holdfast/shared/run-log/redis-feed.ts';
import { connectDatabase, pingDatabase } from '@holdfast/shared/store/database.ts';
import { databaseFault } from '@holdfast/shared/store/database-fault.ts';
import { endedRuns } from '@holdfast/shared/store/runs.ts';
import { createFeedBell, listenForNudges } from '@holdfast/shared/sync/feed-bell.ts';
import { buildApp } from './app.ts';
import { readApiConfig } from './config.ts';
import { createFeedHub } from './feed/feed-hub.ts';
import { createHub } from './hub/hub.ts';
import { createAccessWatch } from './plugins/access-watch.ts';
import { createAccounts } from './plugins/accounts.ts';
import { createEventConnectionLimit } from './plugins/event-connection-limit.ts';
import { createLowestPositions } from './queue/lowest-positions.ts';
import { createPositions } from './queue/positions.ts';
import { createUserGate } from './queue/user-gate.ts';
import { createConnections } from './sse/connection.ts';

const config = await orExit('', async () => readApiConfig());
const logger = createLogger('api', config.logLevel);

const store = connectDatabase({
  url: config.databaseUrl,
  connectionsMax: config.databaseConnections,
  applicationName: 'holdfast-api',
  watched: true,
  onIdleError: (error) => logger.warn({ err: error }, 'a Postgres connection broke'),
});
const onRedisError = (error: Error) => logger.warn({ err: error }, 'a Redis connection broke');
const connect = (role: RedisRole, name: string) =>
  connectRedis({ url: config.redisUrl, role, name: `holdfast-${name}`, onError: onRedisError });
const redis = connect('commands', 'api');
const subscriber = connect('subscriber', 'api-nudges');
const readRedis = connect('lean', 'api-reads');
const feedRedis = connect('lean', 'api-feed');

await orExit('Redis cannot be used (REDIS_URL)', async () => {
  await whenReady(redis);
  return redisFault(redis, config.redisAof);
});
await orExit('Postgres cannot be used (DATABASE_URL)', () => databaseFault(store));

const runLog = createRedisRunLog({
  redis,
  prefix: config.redisPrefix,
  retentionMs: config.runLogRetentionMs,
  reads: createLeanConnection(readRedis).transact,
});
const queue = createRunQueue({ connection: redis, prefix: config.redisPrefix, onError: onRedisError });
const connections = createConnections({
  heartbeatMs: config.heartbeatMs,
  lifeMsMax: config.connectionLifeMs,
  connectionsMax: config.connectionsMax,
});
const positions = createPositions({
  store,
  lowest: createLowestPositions({ redis, prefix: config.redisPrefix, logger }),
  logger,
});
const accessWatch = createAccessWatch({ store, logger });
const hub = createHub({
  runLog,
  createFeed: (handlers) => createRedisRunLogFeed({ redis: feedRedis, prefix: config.redisPrefix }, handlers),
  lookUpEnds: (runIds) => endedRuns(store, runIds),
  watchPosition: (runId, onPosition) => positions.watch(runId, onPosition),
  logger,
});

const feedHub = createFeedHub({
  store,
  hub,
  positions,
  listen: (handlers) => listenForNudges({ redis: subscriber, prefix: config.redisPrefix }, handlers),
  logger,
});

let draining = false;
const app = await buildApp({
  config,
  rateLimits: {
    redis,
    redisPrefix: config.redisPrefix,
    requestsPerUser: config.requestsPerUser,
    requestsPerAddress: config.requestsPerAddress,
  },
  logger,
  services: {
    store,
    runLog,
    dispatcher: createDispatcher({ store, queue, limits: config, logger }),
    isQueueReachable: () => redis.status === 'ready',
    hub,
    feedHub,
    feedBell: createFeedBell({ redis, prefix: config.redisPrefix, store, logger }),
    positions,
    waitingRunsMax: config.waitingRunsMax,
    userGate: createUserGate(),
    connections,
    accessWatch,
    publicUrl: config.publicUrl,
    accounts: createAccounts(config, { store, redis }),
    eventConnectionLimit: createEventConnectionLimit({
      redis,
      subscriber,
      redisPrefix: config.redisPrefix,
      lifeMsMax: config.connectionLifeMs,
      perUserMax: config.connectionsPerUserMax,
      perAddressMax: config.connectionsPerAddressMax,
      logger,
    }),
    allowance: { tokensPerDay: config.tokensPerDay, tokensPerRun: config.runTokensReserved },
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
  feedHub.close();
  hub.close();
  positions.close();
  accessWatch.close();
  connections.close();
  await queue.close();
  for (const connection of [redis, subscriber, readRedis, feedRedis]) connection.disconnect();
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
