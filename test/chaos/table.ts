/**
 * `node test/chaos/table.ts FILE…`: the summaries that `npm run chaos -- --json FILE` has written, as the two tables of
 * docs/RELIABILITY.md: what became of each seed, and how often each fault struck in all of them.
 */
import { readFileSync } from 'node:fs';
import type { Summary } from './report.ts';

const summaries = process.argv.slice(2).map((file) => JSON.parse(readFileSync(file, 'utf8')) as Summary);
const number = (value: number) => value.toLocaleString('en');
const row = (cells: readonly (string | number)[]) =>
  `| ${cells.map((cell) => (typeof cell === 'number' ? number(cell) : cell)).join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly (string | number)[])[]) =>
  [row(head), `|${'---|'.repeat(head.length)}`, ...rows.map(row)].join('\n');

const seeds = summaries.map(({ seed, counts, faultsTotal }) => [
  String(seed),
  counts.runs ?? 0,
  counts.attempts ?? 0,
  faultsTotal,
  counts.connections ?? 0,
  (counts.events ?? 0) + (counts.feedEvents ?? 0),
  counts.violations ?? 0,
]);
const total = seeds.reduce<(string | number)[]>(
  (sum, each) => each.map((cell, at) => (typeof cell === 'number' ? cell + Number(sum[at] ?? 0) : 'all')),
  [],
);
console.log(
  table(
    ['seed', 'runs', 'attempts', 'faults', 'event connections', 'events checked', 'violations'],
    [...seeds, total],
  ),
);

const names = [...new Set(summaries.flatMap(({ faults }) => Object.keys(faults)))].sort();
const struck = (name: string, what: 'times' | 'hits') =>
  summaries.reduce((sum, { faults }) => sum + (new Map(Object.entries(faults)).get(name)?.[what] ?? 0), 0);
console.log(
  `\n${table(
    ['fault', 'injected', 'processes, connections or clients hit'],
    names.map((name) => [`\`${name}\``, struck(name, 'times'), struck(name, 'hits')]),
  )}`,
);
