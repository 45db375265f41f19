/**
 * Makes a checkout ready to run: packages, the web page and, with `--test`, a Chromium. Runs before `npm start` and
 * `npm test`, so it does nothing, fast, when nothing changed; and on whatever Node (20 or later) the machine has,
 * so it uses built-in modules only.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureChromium } from './setup/chromium.mjs';
import { hashOf, readText, runNpm } from './setup/tools.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const inRoot = (...parts) => join(root, ...parts);

function installPackages() {
  const marker = inRoot('node_modules/.setup');
  const wanted = hashOf(root, ['package-lock.json'], `${process.platform} ${process.arch}`);
  if (readText(marker) === wanted) return;
  console.log('Installing packages …');
  if (!runNpm(['ci'], root)) {
    throw new Error('The packages could not be installed: read the lines above, then run `npm ci` again.');
  }
  writeFileSync(marker, wanted);
}

/** The Node that the packages bring along; the scripts need its type stripping. */
function findNode() {
  const bundled = inRoot('node_modules/.bin/node');
  for (const node of [bundled, process.execPath]) {
    const { status, stdout } = spawnSync(node, ['--version'], { encoding: 'utf8' });
    const [major, minor] = (stdout ?? '').replace('v', '').split('.').map(Number);
    // Below these there is no crypto.randomUUIDv7, of which every id is made.
    if (status === 0 && ((major === 24 && minor >= 16) || (major === 26 && minor >= 1) || major > 26))
      return node;
  }
  throw new Error(
    `The bundled Node does not run on ${process.platform}-${process.arch}: install Node 26.1 or newer and try again.`,
  );
}

function buildPage(node) {
  const web = inRoot('apps/web');
  if (!existsSync(join(web, 'index.html'))) return; // a checkout of the servers alone
  const marker = join(web, 'dist/.inputs');
  const wanted = hashOf(root, [
    'apps/web',
    'packages/client/src',
    'packages/shared/src/protocol',
    'package-lock.json',
  ]);
  if (readText(marker) === wanted) return;
  console.log('Building the page …');
  const vite = join(
    dirname(createRequire(join(web, 'package.json')).resolve('vite/package.json')),
    'bin/vite.js',
  );
  const { status } = spawnSync(node, [vite, 'build', '--logLevel', 'warn'], { cwd: web, stdio: 'inherit' });
  if (status !== 0) throw new Error('The page could not be built: correct what the lines above name.');
  writeFileSync(marker, wanted);
}

try {
  installPackages();
  const node = findNode();
  buildPage(node);
  if (process.argv.includes('--test')) ensureChromium({ root, node });
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
