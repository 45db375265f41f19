/** What a figure is: something that is measured on several sides in turn, and what the medians must show. */
import type { Context } from './support/context.ts';

/** Named values of one measurement. A measurement that is one number stands under `value`. */
export type Measured = Readonly<Record<string, number>>;

/** One of the things that are compared: Holdfast, a peer, or the limit of the machine. */
export interface Side {
  readonly name: string;
  /** Starts what it needs through the context, measures once, and leaves the ending of processes to the context. */
  measure(context: Context): Promise<number | Measured>;
}

/** The medians over all rounds, by the name of the side. A side that failed in every round is absent. */
export type Medians = Readonly<Record<string, Measured>>;

export interface Verdict {
  /** null: the figure has no goal, or a side that it is compared with is absent. */
  readonly reached: boolean | null;
  /** The numbers that decide, in words: "8.1 × naive (≥ 6), …". */
  readonly because: string;
}

export interface Figure {
  /** As on the command line: `P1`. */
  readonly id: string;
  readonly title: string;
  /** Unit of `value`, or of each value: `events/s; µs per event`. */
  readonly unit: string;
  readonly goal: string;
  readonly sides: readonly Side[];
  verdict(medians: Medians): Verdict;
}

/** One condition of a verdict: its words, and whether it holds (null: cannot be told). */
export interface Condition {
  readonly words: string;
  readonly holds: boolean | null;
}

/** `ours / theirs` against a bound: `atMost(0.5, …)` holds when the ratio is at most that. */
export function ratio(
  name: string,
  ours: number | undefined,
  theirs: number | undefined,
  bound: { readonly atMost: number } | { readonly atLeast: number },
): Condition {
  const sign = 'atMost' in bound ? `≤ ${bound.atMost}` : `≥ ${bound.atLeast}`;
  if (ours === undefined || theirs === undefined || theirs === 0)
    return { words: `${name}: not measured (${sign})`, holds: null };
  const value = ours / theirs;
  const holds = 'atMost' in bound ? value <= bound.atMost : value >= bound.atLeast;
  return { words: `${value.toFixed(2)} × ${name} (${sign})`, holds };
}

/** A value against an absolute bound. */
export function below(name: string, value: number | undefined, max: number, unit: string): Condition {
  if (value === undefined) return { words: `${name}: not measured (≤ ${max} ${unit})`, holds: null };
  return { words: `${name} ${value.toFixed(1)} ${unit} (≤ ${max})`, holds: value <= max };
}

/** Reached when every condition holds. */
export function all(...conditions: readonly Condition[]): Verdict {
  const because = conditions.map((each) => each.words).join(', ');
  if (conditions.some((each) => each.holds === false)) return { reached: false, because };
  return { reached: conditions.some((each) => each.holds === null) ? null : true, because };
}
