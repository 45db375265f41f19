/** Turns the rounds of a run into medians, a table for people, and a file for programs. */
import type { Figure, Measured, Medians, Verdict } from './figure.ts';
import type { Machine } from './support/machine.ts';

/** One measurement: what it gave, or why it gave nothing. */
export interface Attempt {
  readonly figure: string;
  readonly side: string;
  readonly round: number;
  readonly seconds: number;
  readonly measured: Measured | null;
  readonly error: string | null;
}

export interface Results {
  readonly machine: Machine;
  readonly rounds: number;
  readonly quick: boolean;
  readonly minutes: number;
  readonly figures: readonly FigureResult[];
  readonly attempts: readonly Attempt[];
}

export interface FigureResult {
  readonly id: string;
  readonly title: string;
  readonly unit: string;
  readonly goal: string;
  readonly medians: Medians;
  readonly verdict: Verdict;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The medians of a figure's sides, value by value. */
export function mediansOf(figure: Figure, attempts: readonly Attempt[]): Medians {
  const medians: Record<string, Measured> = {};
  for (const { name } of figure.sides) {
    const measured = attempts.flatMap((attempt) =>
      attempt.figure === figure.id && attempt.side === name && attempt.measured ? [attempt.measured] : [],
    );
    if (measured.length === 0) continue;
    const names = Object.keys(measured[0] ?? {});
    medians[name] = Object.fromEntries(
      names.map((value) => [value, median(measured.map((each) => each[value] ?? Number.NaN))]),
    );
  }
  return medians;
}

/** Three digits that mean something, with thousands apart. */
export function inWords(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', { maximumFractionDigits: digits });
}

function sideInWords(measured: Measured): string {
  return Object.entries(measured)
    .map(([name, value]) => (name === 'value' ? `**${inWords(value)}**` : `${name} ${inWords(value)}`))
    .join(' · ');
}

/** The table, in Markdown. */
export function toTable(figures: readonly FigureResult[]): string {
  const rows = figures.map(({ id, title, unit, goal, medians, verdict }) => {
    const sides = Object.entries(medians).map(([name, measured]) => `${name}: ${sideInWords(measured)}`);
    const reached = verdict.reached === null ? '–' : verdict.reached ? 'yes' : '**no**';
    return `| ${id} | ${title} (${unit}) | ${sides.join('<br>')} | ${goal} | ${reached}: ${verdict.because} |`;
  });
  return ['| # | figure | medians | goal | reached |', '|---|---|---|---|---|', ...rows].join('\n');
}
