/** `npm run check`: everything that can be said about the code without running it. Goes on after a failure. */
import { spawnSync } from 'node:child_process';

const checks = [
  ['format, imports, lint', 'biome', 'check', '--error-on-warnings'],
  ['boundaries, promises', 'oxlint', '--type-aware', '--deny-warnings'],
  ['types', 'tsc', '-p', '.'],
  ['unused code', 'knip'],
] as const;

let failed = 0;
for (const [title, command, ...args] of checks) {
  console.log(`\n${title}: ${[command, ...args].join(' ')}`);
  const started = performance.now();
  // npm puts the folder of these commands on PATH.
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) failed++;
  console.log(
    `${status === 0 ? 'ok' : 'FAILED'} after ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
}
console.log(failed === 0 ? '\nAll checks passed.' : `\n${failed} of ${checks.length} checks failed.`);
process.exitCode = failed === 0 ? 0 : 1;
