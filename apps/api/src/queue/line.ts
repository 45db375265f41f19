import type { WaitingRun } from '@holdfast/shared/store/positions.ts';

/** Where one run stands. */
export interface RankedRun {
  readonly id: string;
  /** One more than the runs before it in the line that were accepted before it or have a higher priority. */
  readonly position: number;
  /** Runs of a higher priority. */
  readonly higher: number;
  /** One more than all runs before it in the line: how many starts it is away from its own, as it looks now. */
  readonly rank: number;
}

/**
 * The positions of the runs in a line that have an id, in O(n log n).
 *
 * Runs of users who have waited less go before those of users who have asked a lot, so the plain rank of a run rises when
 * such a run comes. The position counts only those that were there before, so it can only fall: within its priority, the
 * runs before it with a smaller number; a Fenwick tree over the numbers counts them.
 */
export function rankLine(line: readonly WaitingRun[]): RankedRun[] {
  const order = line.map((run) => run.number).sort((a, b) => a - b);
  const places = new Map(order.map((number, index) => [number, index + 1]));
  const tree = new Uint32Array(line.length + 1);
  const ranked: RankedRun[] = [];
  let priority: number | null = null;
  let higher = 0;
  for (const [index, run] of line.entries()) {
    if (run.priority !== priority) {
      priority = run.priority;
      higher = index;
      tree.fill(0);
    }
    const place = places.get(run.number) ?? 0;
    if (run.id !== null) {
      let before = 0;
      for (let at = place - 1; at > 0; at -= at & -at) before += tree[at] ?? 0;
      ranked.push({ id: run.id, position: 1 + higher + before, higher, rank: index + 1 });
    }
    for (let at = place; at < tree.length; at += at & -at) tree[at] = (tree[at] ?? 0) + 1;
  }
  return ranked;
}
