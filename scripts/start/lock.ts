import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Explained } from '../services/explained.ts';
import { commandLine } from '../services/orphan.ts';

/**
 * Takes the data folder for this process; two databases on the same files would destroy them. The lock of a
 * process that was killed is taken over. Returns how to give it back.
 */
export function lockDataFolder(dataDir: string): () => void {
  const path = join(dataDir, 'lock');
  const holder = readHolder(path);
  if (isStarter(holder)) refuse(dataDir, holder);
  if (holder !== undefined) {
    // Moved, not removed: of two starts that both find it stale, the slower one would remove the other's new lock.
    const stale = `${path}.${process.pid}`;
    renameSync(path, stale);
    const moved = readHolder(stale);
    if (isStarter(moved)) {
      renameSync(stale, path);
      refuse(dataDir, moved);
    }
    rmSync(stale);
  }
  try {
    writeFileSync(path, `${process.pid}\n`, { flag: 'wx' });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') refuse(dataDir, readHolder(path));
    throw error;
  }
  return () => rmSync(path, { force: true });
}

function refuse(dataDir: string, holder: number | undefined): never {
  throw new Explained(
    `Holdfast already runs on ${dataDir} (process ${holder ?? 'unknown'}): stop that one, ` +
      'or name another data folder in HOLDFAST_DATA.',
  );
}

/** NaN for a lock that a crash left empty, undefined when there is none. */
function readHolder(path: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(path, 'utf8'), 10);
  } catch {
    return undefined;
  }
}

/** Ids are reused: after a restart of the machine the recorded one may be anybody's. */
function isStarter(pid: number | undefined): pid is number {
  if (pid === undefined || Number.isNaN(pid) || pid === process.pid) return false;
  return /\bstart\.ts\b/.test(commandLine(pid) ?? '');
}
