/** What `npm start` takes from its environment, checked before anything is started. */
import { accessSync, chmodSync, constants, existsSync, mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, resolve } from 'node:path';
import { Explained } from '../services/explained.ts';
import { freePort, isPortFree } from '../services/ports.ts';

const defaultPort = 3000;
/** How many ports above the default are tried before any free one is taken. */
const portsTriedMax = 20;
const connectTimeoutMs = 3_000;

export interface StartConfig {
  /** Of the API, free when this was read. */
  readonly port: number;
  readonly dataDir: string;
  readonly redisUrl: string | undefined;
  readonly databaseUrl: string | undefined;
  /** The OPENAI_* settings; empty means the stand-in provider. */
  readonly model: Readonly<Record<string, string>>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Reads and checks the environment. Throws `Explained` with what to do about the first thing that is wrong. */
export async function readConfig(env: Environment): Promise<StartConfig> {
  const dataDir = resolve(env['HOLDFAST_DATA'] || '.holdfast');
  makeWritable(dataDir);
  const redisUrl = env['REDIS_URL'] || undefined;
  const databaseUrl = env['DATABASE_URL'] || undefined;
  await Promise.all([
    checkServer('REDIS_URL', redisUrl, ['redis:', 'rediss:'], 6379),
    checkServer('DATABASE_URL', databaseUrl, ['postgres:', 'postgresql:'], 5432),
  ]);
  if (env['OPENAI_BASE_URL']) parseUrl('OPENAI_BASE_URL', env['OPENAI_BASE_URL'], ['http:', 'https:']);
  return { port: await choosePort(env['PORT']), dataDir, redisUrl, databaseUrl, model: modelSettings(env) };
}

function makeWritable(dataDir: string): void {
  try {
    if (!existsSync(dataDir)) {
      // Parents only where they are missing: where nothing can be made (below /proc), Node's recursion never ends.
      mkdirSync(dataDir, { recursive: !existsSync(dirname(dataDir)) });
      // 0711: Postgres may run as another user and has to pass through to its own folder.
      chmodSync(dataDir, 0o711);
    }
    accessSync(dataDir, constants.W_OK | constants.X_OK);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    throw new Explained(
      `The data folder ${dataDir} cannot be written (${code}): give yourself access to it, ` +
        'or name another one in HOLDFAST_DATA.',
    );
  }
}

async function choosePort(wanted: string | undefined): Promise<number> {
  if (!wanted) {
    for (let port = defaultPort; port < defaultPort + portsTriedMax; port++) {
      if (await isPortFree(port)) return port;
    }
    return await freePort();
  }
  const port = Number(wanted);
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw new Explained(`PORT is "${wanted}", which is no port: give a number from 1 to 65535.`);
  }
  if (port === 0) return await freePort();
  if (await isPortFree(port)) return port;
  throw new Explained(
    `Port ${port} is taken or not allowed: stop what listens there, or choose another one, ` +
      `for example PORT=${port < 65_535 ? port + 1 : 3000} npm start.`,
  );
}

/** A server that the user named must be there: waiting for it in silence would look like a hang. */
async function checkServer(
  name: string,
  url: string | undefined,
  schemes: string[],
  port: number,
): Promise<void> {
  if (url === undefined) return;
  const { hostname, port: given } = parseUrl(name, url, schemes);
  const host = hostname.replace(/^\[|\]$/g, '') || '127.0.0.1';
  const failure = await tryConnect(host, Number(given || port));
  if (failure === undefined) return;
  throw new Explained(
    `Nothing answers at ${name} (${host}:${given || port}, ${failure}): start that server, ` +
      `or unset ${name} to use the one that comes with Holdfast.`,
  );
}

function parseUrl(name: string, url: string, schemes: string[]): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  // The value may hold a password, so it is not shown.
  if (parsed === undefined || !schemes.includes(parsed.protocol)) {
    throw new Explained(`${name} is not a URL that starts with ${schemes[0]}//: correct it or unset it.`);
  }
  return parsed;
}

function tryConnect(host: string, port: number): Promise<string | undefined> {
  return new Promise((done) => {
    const socket = connect({ host, port, timeout: connectTimeoutMs });
    const end = (failure: string | undefined) => {
      socket.destroy();
      done(failure);
    };
    socket.once('connect', () => end(undefined));
    socket.once('timeout', () => end('no reply'));
    socket.once('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}

function modelSettings(env: Environment): Record<string, string> {
  if (!env['OPENAI_API_KEY'] && !env['OPENAI_BASE_URL']) return {};
  const names = ['OPENAI_BASE_URL', 'OPENAI_API_KEY', 'OPENAI_MODEL'];
  return Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
}
