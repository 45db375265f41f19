import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';

const ignored = new Set(['node_modules', 'dist']);

/** A hash of the names and contents of files and folders under `root`, and of `extra`. */
export function hashOf(root, paths, extra = '') {
  const hash = createHash('sha256').update(extra);
  const add = (path) => {
    const full = join(root, path);
    const found = statSync(full, { throwIfNoEntry: false });
    if (found === undefined) return;
    if (found.isDirectory()) {
      for (const name of readdirSync(full).sort()) if (!ignored.has(name)) add(`${path}/${name}`);
    } else {
      // The length keeps the end of one file from passing for the start of the next.
      hash.update(`\n${path} ${found.size}\n`).update(readFileSync(full));
    }
  };
  for (const path of paths) add(path);
  return hash.digest('hex');
}

/** The content of a file, or undefined when there is none. */
export function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Runs npm in a folder with the Node that runs us; whether it succeeded. */
export function runNpm(args, cwd) {
  const quiet = [...args, '--no-audit', '--no-fund', '--loglevel=error'];
  const options = { cwd, stdio: 'inherit' };
  // npm names itself to the scripts it runs; other package managers name themselves there too.
  const npm = process.env.npm_execpath;
  const isNpm = npm !== undefined && basename(npm) === 'npm-cli.js';
  const done = isNpm
    ? spawnSync(process.execPath, [npm, ...quiet], options)
    : spawnSync('npm', quiet, { ...options, shell: process.platform === 'win32' });
  return done.status === 0;
}
