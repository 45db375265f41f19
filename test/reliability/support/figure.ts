/**
 * One reliability figure: what it measured, each value with its goal. `npm run reliability` reads the values from the
 * file that `RELIABILITY_OUT` names; without it they are printed only.
 */
import { appendFileSync } from 'node:fs';
import { expect } from 'vitest';
import type { Measured } from '../../../scripts/reliability/measured.ts';

/** Part of the full sizes that is wanted: `RELIABILITY_SCALE=0.1` for a quick look. Default 1. */
const scale = Number(process.env['RELIABILITY_SCALE'] ?? '1');

/** The size to use in place of the full one: at least `least`. */
export function sized(full: number, least = 1): number {
  return Math.max(least, Math.round(full * scale));
}

/** The value below which this part (0 to 1) of the values lies; 0 of none. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.ceil(sorted.length * part) - 1)] ?? 0;
}

export interface Figure {
  /** A value that may be at most this. */
  atMost(name: string, value: number, most: number, unit?: string): void;
  /** A value that has to be at least this. */
  atLeast(name: string, value: number, least: number, unit?: string): void;
  /** A value that has to be this one. */
  exactly(name: string, value: number, wanted: number): void;
  /** A goal that is not pursued, and why: shown as missed, and no failure. */
  declined(name: string, value: number, goal: string, why: string): void;
  /** A value without a goal: the size of the run, or what explains another value. */
  note(name: string, value: number | string, unit?: string): void;
  /** Fails with the list of the goals that were missed. */
  conclude(): void;
}

/** Starts the figure with this number of the list in docs/RELIABILITY.md. */
export function startFigure(figure: number): Figure {
  const missed: string[] = [];
  function tell(measured: Omit<Measured, 'figure'>): void {
    const { name, value, unit = '', goal, reached } = measured;
    const path = process.env['RELIABILITY_OUT'];
    if (path) appendFileSync(path, `${JSON.stringify({ figure, ...measured })}\n`);
    const line = `${name}: ${value}${unit && ` ${unit}`}${goal && ` (goal ${goal})`}`;
    console.info(`${reached ? ' ' : '!'} ${line}`);
    if (!reached && measured.declined === undefined) missed.push(line);
  }
  const rounded = (value: number) => (Number.isInteger(value) ? value : Number(value.toFixed(1)));
  const withUnit = (unit?: string) => (unit === undefined ? {} : { unit });
  const behind = (unit?: string) => (unit === undefined ? '' : ` ${unit}`);
  return {
    atMost(name, value, most, unit) {
      const goal = `≤ ${most}${behind(unit)}`;
      tell({ name, value: rounded(value), ...withUnit(unit), goal, reached: value <= most });
    },
    atLeast(name, value, least, unit) {
      const goal = `≥ ${least}${behind(unit)}`;
      tell({ name, value: rounded(value), ...withUnit(unit), goal, reached: value >= least });
    },
    exactly(name, value, wanted) {
      tell({ name, value, goal: String(wanted), reached: value === wanted });
    },
    declined(name, value, goal, why) {
      tell({ name, value: rounded(value), goal, reached: false, declined: why });
    },
    note(name, value, unit) {
      tell({
        name,
        value: typeof value === 'number' ? rounded(value) : value,
        ...withUnit(unit),
        goal: '',
        reached: true,
      });
    },
    conclude() {
      expect(missed, 'goals that were missed').toEqual([]);
    },
  };
}

/** p50, p95, p99 and the greatest, for a note. */
export function spread(values: readonly number[]): string {
  const at = (part: number) => percentile(values, part).toFixed(0);
  return `p50 ${at(0.5)}, p95 ${at(0.95)}, p99 ${at(0.99)}, max ${at(1)} ms of ${values.length}`;
}
