import { Redis } from 'ioredis';

/**
 * A command that waits longer than this is answered as "not now": Redis hangs, or the network swallows packets. A request
 * may meet two of them, one after the other, and is to be answered within three seconds all the same.
 */
const commandMsMax = 1_250;

/**
 * A connection that owes a reply and is silent for so long is replaced: a network that drops packets tells nobody, and
 * the kernel would try for a quarter of an hour. BullMQ lets Redis wait for up to ten seconds before it replies.
 */
const silentMsMax = 5_000;
const silentWhileBlockedMsMax = 15_000;

/** Longest wait between tries to reconnect: Redis is back for us at most this long after it is back. */
const reconnectMsMax = 1_000;

/**
 * commands     fails fast: the caller has a fallback (Postgres, the sweeper, a retry) and somebody waits for the answer
 * subscriber   waits for ever: it has nothing to answer
 * queueWorker  waits for ever, as BullMQ demands of a worker's connection
 * lean         is only made by ioredis, and then read by our own decoder (run-log/lean-connection.ts)
 */
export type RedisRole = 'commands' | 'subscriber' | 'queueWorker' | 'lean';

export interface RedisOptions {
  readonly url: string;
  readonly role: RedisRole;
  /** Shown by `CLIENT LIST`. */
  readonly name: string;
  /** Connection losses; they mend themselves, but ought to be in the log. */
  readonly onError: (error: Error) => void;
}

/** Opens one connection, which reconnects for as long as it is not closed. */
export function connectRedis({ url, role, name, onError }: RedisOptions): Redis {
  const redis = new Redis(url, {
    connectionName: name,
    ...(role === 'commands'
      ? { commandTimeout: commandMsMax, maxRetriesPerRequest: 1, enableOfflineQueue: false }
      : { maxRetriesPerRequest: null }),
    // What ioredis could not finish before a connection broke, it would send again after the next one is ours to read.
    ...(role === 'lean' ? { protocol: 2, autoResendUnfulfilledCommands: false } : {}),
    socketTimeout: role === 'queueWorker' ? silentWhileBlockedMsMax : silentMsMax,
    connectTimeout: silentMsMax,
    retryStrategy: (tries) =>
      Math.min(reconnectMsMax, 50 * 2 ** Math.min(tries, 10)) * (0.5 + Math.random() / 2),
    // A primary that was demoted answers READONLY for ever; only a new connection finds the new primary.
    reconnectOnError: (error) => (error.message.startsWith('READONLY') ? 2 : false),
  });
  redis.on('error', onError);
  return redis;
}

/** Long enough for a Redis that loads a large file; one that accepts and never answers must not hang the start. */
const readyMsMax = 20_000;

/** Resolves when the connection can be used; rejects with the reason when the first try fails. */
export function whenReady(redis: Redis): Promise<void> {
  if (redis.status === 'ready') return Promise.resolve();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => onFailure(new Error('it accepts connections but does not answer')),
      readyMsMax,
    );
    const settle = (act: () => void) => () => {
      clearTimeout(timer);
      redis.off('ready', onReady).off('error', onFailure);
      act();
    };
    const onReady = settle(resolve);
    const onFailure = (error: Error) => settle(() => reject(error))();
    redis.on('ready', onReady).on('error', onFailure);
  });
}

/** First version with everything that the scripts and BullMQ use. */
const versionMin = [6, 2] as const;

/**
 * Says in one sentence why this Redis must not be used, or null. An evicting Redis would drop run logs and jobs at its
 * own choice, and nobody would be told; one without an append-only file (unless `aof` is optional) would forget at each
 * restart what every worker then has to write again.
 */
export async function redisFault(redis: Redis, aof: 'required' | 'optional'): Promise<string | null> {
  const info = await patientInfo(redis);
  const field = (name: string) => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1];
  const version = field('redis_version') ?? '0';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < versionMin[0] || (major === versionMin[0] && minor < versionMin[1])) {
    return `Redis ${version} is too old: use ${versionMin.join('.')} or later.`;
  }
  const policy = field('maxmemory_policy');
  if (policy !== 'noeviction') {
    return `Redis evicts keys (maxmemory-policy ${policy}): set "maxmemory-policy noeviction", or answers and jobs will be lost.`;
  }
  if (aof === 'required' && field('aof_enabled') !== '1') {
    return 'Redis keeps no append-only file: set "appendonly yes", or REDIS_AOF=optional if its restarts may lose events.';
  }
  return null;
}

/** At the start nobody waits for the answer yet: on a busy machine a process had better be slow than end. */
async function patientInfo(redis: Redis): Promise<string> {
  const giveUpAt = performance.now() + readyMsMax;
  for (;;) {
    try {
      return await redis.info();
    } catch (error) {
      const timedOut = error instanceof Error && error.message === 'Command timed out';
      if (!timedOut || performance.now() > giveUpAt) throw error;
    }
  }
}
