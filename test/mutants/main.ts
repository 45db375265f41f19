/**
 * `npm run mutants [-- M1 M4 …]`: plants known bugs into copies of the product, one at a time, attacks each copy with the
 * faults that its bug is about, and has the checker judge the records. The product itself has to pass the same faults.
 * Ends with a table, and with 1 when a bug was not caught, or the product was.
 *
 * The scenarios run on real processes, two at a time, with a Postgres and a Redis of their own; their seeds are fixed.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Servers, startServers } from './cluster.ts';
import { copyTree, ownRoot } from './edits.ts';
import { runModel } from './model.ts';
import { type Mutant, mutants } from './mutants.ts';
import { type Outcome, playScenario } from './play.ts';
import { type ScenarioName, scenarios } from './scenarios.ts';

/** As many clusters as two cores carry. */
const atATime = 2;

/** What one tree came to. `mutant: null`: the product. */
interface Trial {
  readonly scenario: ScenarioName;
  readonly mutant: Mutant | null;
  readonly outcome: Outcome;
}

async function main(wanted: readonly string[]): Promise<number> {
  const chosen = mutants.filter(({ id }) => wanted.length === 0 || wanted.includes(id));
  if (chosen.length === 0) throw new Error(`there is no such mutant: ${wanted.join(' ')}`);
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-mutants-'));
  const began = performance.now();
  const servers = await startServers();
  try {
    const names = [...new Set(chosen.map(({ scenario }) => scenario))];
    const plans = [
      ...names.map((scenario) => ({ scenario, mutant: null })),
      ...chosen.map((mutant) => ({ scenario: mutant.scenario, mutant })),
    ];
    const trials = await inParallel(plans, (plan) => attempt(plan, dir, servers));
    const models = chosen.map((mutant) => ({ mutant, caught: catchInModel(mutant, dir) }));
    const product = runModel(ownRoot, modelRuns);
    console.log(`\n${tableOf(trials, models)}\n`);
    console.log(`The model: ${product.line}`);
    const seconds = Math.round((performance.now() - began) / 1_000);
    const failed =
      trials.filter((trial) => !isRight(trial)).length +
      models.filter(({ caught }) => caught === false).length +
      (product.passed ? 0 : 1);
    console.log(
      `${chosen.length} mutants in ${seconds} s, ${failed === 0 ? 'all caught' : `${failed} WRONG`}`,
    );
    return failed === 0 ? 0 : 1;
  } finally {
    await servers.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The size that the promise of the model names; a mutant is found much earlier. */
const modelRuns = Number(process.env['MODEL_RUNS'] ?? 100_000);
const modelRunsOfMutant = 20_000;

type Plan = Pick<Trial, 'scenario' | 'mutant'>;

async function attempt({ scenario, mutant }: Plan, dir: string, servers: Servers): Promise<Trial> {
  const { weaken = [], ...of } = scenarios[scenario];
  let root = ownRoot;
  if (mutant || weaken.length > 0) {
    root = join(dir, `${mutant?.id ?? 'product'}-${scenario}`);
    copyTree(root, [...weaken, ...(mutant?.edits ?? [])]);
  }
  const trial = { scenario, mutant, outcome: await playScenario({ ...of, weaken }, root, servers) };
  const verdict = isRight(trial) ? 'as it should be' : 'WRONG';
  console.log(
    `${(mutant?.id ?? 'product').padEnd(8)} ${of.what}: ${tellOutcome(trial.outcome)} (${verdict})`,
  );
  if (!isRight(trial)) console.log([...trial.outcome.missed, trial.outcome.story].join('\n'));
  return trial;
}

function isRight({ mutant, outcome: { violations, missed } }: Trial): boolean {
  return mutant
    ? violations.some(({ rule }) => rule === mutant.breaks)
    : violations.length === 0 && missed.length === 0;
}

function tellOutcome({ violations, seconds }: Outcome): string {
  return `${tellRules(violations) || 'nothing broken'}, ${seconds.toFixed(1)} s`;
}

function tellRules(violations: Outcome['violations']): string {
  const rules = [...Map.groupBy(violations, ({ rule }) => rule)];
  return rules.map(([rule, of]) => `${rule} ${of.length}`).join(', ');
}

/** Whether the model notices; null: it has nothing that this mutant could break. */
function catchInModel(mutant: Mutant, dir: string): boolean | null {
  if (!mutant.inModel) return null;
  const root = join(dir, `${mutant.id}-model`);
  copyTree(root, mutant.edits);
  const { passed, line } = runModel(root, modelRunsOfMutant);
  console.log(`${mutant.id.padEnd(8)} in the model: ${line}`);
  return !passed;
}

function tableOf(
  trials: readonly Trial[],
  models: readonly { mutant: Mutant; caught: boolean | null }[],
): string {
  const rows = models.map(({ mutant, caught }) => {
    const of = (which: Mutant | null) =>
      trials.find((trial) => trial.scenario === mutant.scenario && trial.mutant === which)?.outcome;
    const outcome = of(mutant);
    const product = of(null);
    const model = caught === null ? '' : caught ? 'caught' : 'MISSED';
    const passes = product?.violations.length === 0 && product.missed.length === 0 ? 'passes' : 'FAILS';
    const by = outcome ? tellRules(outcome.violations) || 'MISSED' : '';
    const seconds = outcome?.seconds.toFixed(1) ?? '';
    return `| ${mutant.id} | ${mutant.name} | ${mutant.scenario} | ${mutant.promise} | ${by} | ${seconds} | ${passes} | ${model} |`;
  });
  return [
    '| mutant | what is missing | faults | promise | caught by (rule, times) | s | product | model |',
    '|---|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n');
}

async function inParallel<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const waiting = [...items.entries()];
  const lanes = Array.from({ length: atATime }, async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) results[next[0]] = await work(next[1]);
  });
  await Promise.all(lanes);
  return results;
}

process.exitCode = await main(process.argv.slice(2));
