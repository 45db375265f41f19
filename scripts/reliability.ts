/**
 * `npm run reliability -- [names or numbers] [--list] [--json file] [--scale part]`: measures the reliability figures of
 * docs/RELIABILITY.md, one after the other, and says of each value whether its goal is reached. Ends with 1 when one is
 * not. `--scale 0.1` takes a tenth of the sizes. Times hold for a machine that does nothing else.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, tmpdir, totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { type FigureEntry, figures } from './reliability/figures.ts';
import type { Measured } from './reliability/measured.ts';

interface Result {
  readonly number: number;
  readonly name: string;
  readonly goal: string;
  readonly commands: readonly string[];
  readonly reached: boolean;
  readonly seconds: number;
  readonly values: readonly Measured[];
}

async function main(): Promise<number> {
  const { values: options, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      list: { type: 'boolean', default: false },
      json: { type: 'string' },
      scale: { type: 'string', default: '1' },
    },
  });
  const chosen = positionals.length === 0 ? figures : positionals.map(find);
  if (options.list) {
    for (const figure of chosen)
      console.log(`${title(figure)}: ${figure.goal}\n    ${said(figure).join('\n    ')}`);
    return 0;
  }
  if (!(Number(options.scale) > 0)) throw new Error('--scale takes a number greater than 0');
  const results: Result[] = [];
  for (const figure of chosen) {
    console.log(`\n${title(figure)}: ${figure.goal}`);
    results.push(await measure(figure, options.scale));
  }
  print(results);
  if (options.json !== undefined) {
    const machine = {
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      memoryBytes: totalmem(),
      node: process.version,
    };
    const report = { at: new Date().toISOString(), scale: Number(options.scale), machine, figures: results };
    writeFileSync(options.json, `${JSON.stringify(report, null, 2)}\n`);
  }
  return results.every(({ reached }) => reached) ? 0 : 1;
}

const title = ({ number, name }: Pick<FigureEntry, 'number' | 'name'>) => `${number} ${name}`;

function find(wanted: string): FigureEntry {
  const figure = figures.find(({ number, name }) => wanted === name || wanted === String(number));
  if (!figure) throw new Error(`There is no figure "${wanted}"; --list names them all.`);
  return figure;
}

/** The commands as one would type them. */
function said({ commands, env = {} }: FigureEntry): string[] {
  const settings = Object.entries(env).map(([name, value]) => `${name}=${value} `);
  return commands.map(([program = '', ...args]) =>
    program === 'vitest'
      ? `${settings.join('')}RELIABILITY=1 npx vitest run ${args.join(' ')}`
      : `npm run ${program} -- ${args.join(' ')}`,
  );
}

async function measure(figure: FigureEntry, scale: string): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-reliability-'));
  const out = join(folder, 'values.jsonl');
  const startedAt = performance.now();
  let reached = true;
  try {
    for (const command of figure.commands) {
      const report = join(folder, 'report.json');
      const counted = command[0] === 'vitest' ? [...command, ...reporters(report)] : command;
      const code = await run(counted, {
        RELIABILITY: '1',
        RELIABILITY_OUT: out,
        RELIABILITY_SCALE: scale,
        ...figure.env,
      });
      if (code !== 0) reached = false;
    }
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    const { number, name, goal } = figure;
    const values = [...readValues(out), ...readCounts(join(folder, 'report.json'), number)];
    return { number, name, goal, commands: said(figure), reached, seconds, values };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run([program = '', ...args]: readonly string[], env: Record<string, string>): Promise<number> {
  const [command, commandArgs] =
    program === 'vitest'
      ? [process.execPath, [vitestProgram(), 'run', ...args]]
      : ['npm', ['run', '--silent', program, '--', ...args]];
  const child = spawn(command, commandArgs, { stdio: 'inherit', env: { ...process.env, ...env } });
  // Ctrl-C reaches the command, too, which then ends its own children; going first would leave them behind.
  process.on('SIGINT', () => {});
  const [code] = (await once(child, 'exit')) as [number | null];
  return code ?? 1;
}

const reporters = (file: string) => ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];

/** How many tests passed and failed, for figures that are tests and measure nothing. */
function readCounts(path: string, figure: number): Measured[] {
  try {
    const report = JSON.parse(readFileSync(path, 'utf8')) as {
      numPassedTests: number;
      numFailedTests: number;
    };
    const { numPassedTests: passed, numFailedTests: failed } = report;
    return [{ figure, name: 'tests passed, failed', value: `${passed}, ${failed}`, goal: '', reached: true }];
  } catch {
    return []; // it ended before it could write one, or was no test
  }
}

const vitestProgram = () =>
  join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');

function readValues(path: string): Measured[] {
  let lines: string;
  try {
    lines = readFileSync(path, 'utf8');
  } catch {
    return []; // a command that tells by its exit code alone
  }
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Measured);
}

function print(results: readonly Result[]): void {
  console.log('\n| # | figure | value | goal | |\n|---|---|---|---|---|');
  for (const { number, name, values, reached, seconds, goal } of results) {
    const verdict = reached ? 'reached' : 'MISSED';
    console.log(`| ${number} | **${name}** (${seconds} s) | | ${goal} | ${verdict} |`);
    for (const value of values) {
      const mark = value.goal === '' ? '' : value.reached ? 'reached' : (value.declined ?? 'MISSED');
      const unit = value.unit === undefined ? '' : ` ${value.unit}`;
      console.log(`| | ${value.name} | ${value.value}${unit} | ${value.goal} | ${mark} |`);
    }
  }
}

process.exitCode = await main();
