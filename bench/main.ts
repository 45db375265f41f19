/**
 * `npm run bench [-- P1 P4 … --rounds N --quick --out FILE]`: measures the figures side by side and prints the table.
 * The method is in bench/README.md.
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Explained } from '../scripts/services/explained.ts';
import type { Figure, Measured, Side } from './figure.ts';
import { type Attempt, inWords, mediansOf, type Results, toTable } from './report.ts';
import { type ContextOptions, withContext } from './support/context.ts';
import { prepareDatabase } from './support/database.ts';
import { checkMachine } from './support/machine.ts';

const roundsDefault = 3;

/** Longest time for one measurement; a side that hangs must not end the run. */
const measurementMsMax = 120_000;

async function loadFigures(chosen: readonly string[]): Promise<Figure[]> {
  const dir = new URL('figures/', import.meta.url);
  const files = readdirSync(dir).filter((file) => /^[a-z]\d+.*\.ts$/.test(file));
  const all = await Promise.all(
    files.map(async (file) => ((await import(new URL(file, dir).href)) as { figure: Figure }).figure),
  );
  const order = ({ id }: Figure) => 'PWR'.indexOf(id.charAt(0)) * 100 + Number(id.slice(1));
  all.sort((a, b) => order(a) - order(b));
  const unknown = chosen.filter((id) => !all.some((figure) => figure.id === id));
  if (unknown.length > 0)
    throw new Explained(`No figure ${unknown.join(', ')}. There are: ${all.map(({ id }) => id).join(' ')}`);
  return chosen.length === 0 ? all : all.filter(({ id }) => chosen.includes(id));
}

async function attempt(figure: Figure, side: Side, round: number, options: ContextOptions): Promise<Attempt> {
  const startedAt = performance.now();
  const about = { figure: figure.id, side: side.name, round };
  const seconds = () => Math.round((performance.now() - startedAt) / 100) / 10;
  try {
    const measured = await withContext(options, async (context) => {
      const late = Promise.withResolvers<never>();
      const timer = setTimeout(
        () => late.reject(new Error(`took longer than ${measurementMsMax / 1_000} s`)),
        measurementMsMax,
      );
      return Promise.race([side.measure(context), late.promise]).finally(() => clearTimeout(timer));
    });
    const named: Measured = typeof measured === 'number' ? { value: measured } : measured;
    const words = Object.entries(named).map(([name, value]) => `${name} ${inWords(value)}`);
    console.error(`${figure.id} round ${round} ${side.name}: ${words.join(', ')} (${seconds()} s)`);
    return { ...about, seconds: seconds(), measured: named, error: null };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    console.error(`${figure.id} round ${round} ${side.name}: FAILED ${reason} (${seconds()} s)`);
    return { ...about, seconds: seconds(), measured: null, error: reason };
  }
}

/** All rounds: within each round every side once, and each round begins with another side. */
async function measure(
  figures: readonly Figure[],
  rounds: number,
  options: ContextOptions,
): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const figure of figures) {
      for (let turn = 0; turn < figure.sides.length; turn += 1) {
        const side = figure.sides[(turn + round) % figure.sides.length];
        if (!side) continue;
        const dir = join(options.dir, `${figure.id}-${round}-${turn}`);
        attempts.push(await attempt(figure, side, round, { ...options, dir }));
        rmSync(join(dir, 'redis'), { recursive: true, force: true });
      }
    }
  }
  return attempts;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      out: { type: 'string', default: new URL('results.json', import.meta.url).pathname },
    },
  });
  const { quick, out } = values;
  const rounds = Number(values.rounds ?? (quick ? 1 : roundsDefault));
  if (!Number.isInteger(rounds) || rounds < 1) throw new Explained('--rounds takes a whole number from 1.');
  const machine = checkMachine();
  const figures = await loadFigures(positionals.map((id) => id.toUpperCase()));
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
  const startedAt = performance.now();
  const postgres = await prepareDatabase(dir);
  try {
    const options = { quick, dir, databaseUrl: postgres.url, postgresPid: postgres.pid };
    const attempts = await measure(figures, rounds, options);
    const results: Results = {
      machine,
      rounds,
      quick,
      minutes: Math.round((performance.now() - startedAt) / 6_000) / 10,
      figures: figures.map((figure) => {
        const { id, title, unit, goal } = figure;
        const medians = mediansOf(figure, attempts);
        return { id, title, unit, goal, medians, verdict: figure.verdict(medians) };
      }),
      attempts,
    };
    writeFileSync(out, `${JSON.stringify(results, null, 2)}\n`);
    console.log(`${toTable(results.figures)}\n`);
    console.log(`${rounds} rounds, ${results.minutes} minutes; ${Object.values(machine).join(', ')}; ${out}`);
  } finally {
    await postgres.stop();
    if (process.env['HOLDFAST_KEEP_BENCH_LOGS'] === undefined) rmSync(dir, { recursive: true, force: true });
    else console.error(`logs: ${dir}`);
  }
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Explained ? error.message : error);
  process.exitCode = 1;
}
