/**
 * `npm test`: runs all tests (arguments go to vitest) and ends with one line, `N passed, N failed`, taken from
 * vitest's own report. A file that could not be loaded and an error outside of any test count as failed: a run
 * that tested less than it should must not look like a success.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** The part of vitest's JSON report that is read here. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly status: string;
    readonly assertionResults: readonly { readonly status: string }[];
  }[];
}

interface Count {
  readonly passed: number;
  readonly failed: number;
}

async function main(args: string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-test-'));
  const reportFile = join(folder, 'report.json');
  try {
    const exitCode = await runVitest([...args, '--reporter=json', `--outputFile.json=${reportFile}`]);
    const { passed, failed } = count(readReport(reportFile), exitCode);
    console.log(`${passed} passed, ${failed} failed`);
    return failed > 0 ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runVitest(args: string[]): Promise<number> {
  const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
  const child = spawn(process.execPath, [vitest, 'run', '--reporter=default', ...args], { stdio: 'inherit' });
  // Ctrl-C reaches vitest, too, which then ends its own children; going first would leave them behind.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

function readReport(path: string): Report | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Report;
  } catch {
    return undefined; // vitest ended before it could write one
  }
}

function count(report: Report | undefined, exitCode: number): Count {
  const files = report?.testResults ?? [];
  const unloaded = files.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((test) => test.status === 'failed'),
  );
  const failed = (report?.numFailedTests ?? 0) + unloaded.length;
  return { passed: report?.numPassedTests ?? 0, failed: failed === 0 && exitCode !== 0 ? 1 : failed };
}

process.exitCode = await main(process.argv.slice(2));
