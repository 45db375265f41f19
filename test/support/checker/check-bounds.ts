/**
 * Everything is bounded.
 *
 * bounded  a user with more runs under way, or more that wait, than they may have; a list longer than its limit; a process
 *          with more memory than it may use
 */
import type { History, TreeRun, Violation } from './history.ts';
import { type Index, isSuccess, pathOf } from './index-history.ts';

/**
 * A run is stored a moment after the time that it says, and counted as waiting a moment longer than it says: those that
 * overlap by less than this may not have waited together. In microseconds.
 */
const blurUs = 2_000_000;

export function checkBounds({ tree, limits }: History, { requests }: Index): Violation[] {
  const { runsMax, waitingRunsMax, residentBytesMax } = limits;
  return [
    ...[...Map.groupBy(tree.runs, (run) => run.userId)].flatMap(([user, runs]): Violation[] => {
      // Both times are those of the transactions' beginnings: a run has at least so long held its place.
      const running = most(runs.map((run) => [run.startedAt, run.finishedAt]));
      const waiting = most(runs.map((run) => [run.createdAt, waitedTo(run)]));
      return [
        ...(running > runsMax ? [{ rule: 'bounded', detail: { user, running, runsMax } }] : []),
        ...(waiting > waitingRunsMax ? [{ rule: 'bounded', detail: { user, waiting, waitingRunsMax } }] : []),
      ];
    }),
    ...requests.flatMap((request): Violation[] => {
      if (pathOf(request) !== '/api/conversations' || request.method !== 'GET' || !isSuccess(request))
        return [];
      const limit = Number(new URL(request.path, 'http://test').searchParams.get('limit') ?? 50);
      const { conversations } = request.reply as { conversations: unknown[] };
      return conversations.length > limit ? [{ rule: 'bounded', detail: request }] : [];
    }),
    ...tree.processes
      .filter(({ residentBytes }) => residentBytes > residentBytesMax)
      .map((detail) => ({ rule: 'bounded', detail })),
  ];
}

const waitedTo = ({ dispatchedAt, finishedAt }: TreeRun): number | null => {
  const at = dispatchedAt ?? finishedAt;
  return at === null ? null : at - blurUs;
};

/** How many of these times there are at once, at the most. Without an end: they go on. */
function most(times: readonly (readonly [from: number | null, to: number | null])[]): number {
  const steps = times.flatMap(([from, to]): [number, number][] =>
    from === null || (to !== null && to <= from)
      ? []
      : [[from, 1], ...(to === null ? [] : [[to, -1] as [number, number]])],
  );
  let now = 0;
  // Who goes makes room for who comes in the same moment.
  const counts = steps
    .sort(([a, stepA], [b, stepB]) => a - b || stepA - stepB)
    .map(([, step]) => (now += step));
  return Math.max(0, ...counts);
}
