/**
 * `npm run size -w apps/web`: what the first load of the built page weighs, compressed as a server would send it. Fails
 * above the budget: a phone on a slow network waits a second for every 200 kB.
 */
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const scriptBytesMax = 350 * 1024;

const dist = new URL('dist/', import.meta.url);
const html = readFileSync(new URL('index.html', dist), 'utf8');
const named = (pattern: RegExp) => [...html.matchAll(pattern)].map(([, path = '']) => path);

function weigh(paths: readonly string[]): number {
  let sum = 0;
  for (const path of paths) {
    const bytes = gzipSync(readFileSync(new URL(`.${path}`, dist))).length;
    console.log(`${String(bytes).padStart(8)}  ${path}`);
    sum += bytes;
  }
  return sum;
}

console.log('gzip bytes of the first load:');
const scripts = weigh(named(/(?:src|href)="(\/[^"]+\.js)"/g));
const styles = weigh(named(/href="(\/[^"]+\.css)"/g));
const total = scripts + styles;
console.log(
  `scripts ${(scripts / 1024).toFixed(1)} kB of ${scriptBytesMax / 1024} kB, styles ${(styles / 1024).toFixed(1)} kB, together ${(total / 1024).toFixed(1)} kB`,
);
if (scripts > scriptBytesMax) {
  console.error('The first load has become too heavy: load what is not seen at once with import().');
  process.exitCode = 1;
}
