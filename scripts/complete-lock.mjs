/**
 * Completes package-lock.json: `node scripts/complete-lock.mjs`, after every `npm install`.
 *
 * npm leaves an optional package out of the lock when its registry cannot resolve it at that moment (a mirror may
 * carry the binaries of some platforms only), and `npm ci` then refuses the whole lock. The entries added here hold
 * what the dependent asks for, and the platform as the name tells it; they have no integrity hash, because nothing
 * was downloaded. A machine of that platform resolves them when it installs.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const systems = [
  'android',
  'darwin',
  'freebsd',
  'linux',
  'netbsd',
  'openbsd',
  'openharmony',
  'sunos',
  'win32',
];
const processors = ['arm64', 'x64', 'ia32', 'arm', 'ppc64', 'riscv64', 's390x', 'loong64', 'wasm32'];
const path = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(path, 'utf8'));

function entryFor(name, version, dependent) {
  const words = name.split(/[-/]/);
  const os = systems.find((system) => words.includes(system));
  const cpu = processors.find((processor) => words.includes(processor));
  return {
    version,
    ...(dependent.dev ? { dev: true } : {}),
    optional: true,
    ...(os ? { os: [os] } : {}),
    ...(cpu ? { cpu: [cpu] } : {}),
    ...(name.includes('musl') ? { libc: ['musl'] } : {}),
  };
}

const added = [];
for (const [at, dependent] of Object.entries(lock.packages)) {
  if (!at.startsWith('node_modules/')) continue;
  for (const [name, version] of Object.entries(dependent.optionalDependencies ?? {})) {
    const found = [`node_modules/${name}`, `${at}/node_modules/${name}`].some((key) => lock.packages[key]);
    // Only an exact version can be written down without asking a registry.
    if (found || !/^\d+\.\d+\.\d+/.test(version)) continue;
    lock.packages[`node_modules/${name}`] = entryFor(name, version, dependent);
    added.push(`${name}@${version}`);
  }
}
if (added.length > 0) {
  const sorted = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en'));
  writeFileSync(path, `${JSON.stringify({ ...lock, packages: Object.fromEntries(sorted) }, null, 2)}\n`);
}
console.log(added.length > 0 ? `Added ${added.length}: ${added.join(', ')}` : 'The lock is complete.');
