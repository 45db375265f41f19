/**
 * Tells readers of waiting runs where these stand. One look at the line serves all of them: one query for the process, not
 * one for each reader, and none while nobody reads a run that waits.
 */
import type { Logger } from '@holdfast/shared/logger.ts';
import type { QueuePosition } from '@holdfast/shared/protocol/queue-position.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import { msPerStart, readLine, stillWaiting } from '@holdfast/shared/store/positions.ts';
import { rankLine } from './line.ts';
import type { FoundPosition, LowestPositions } from './lowest-positions.ts';

/** How often a reader is told, at most. */
const lookMs = 1_000;

/** Readers that have just come are told sooner, as long as looking takes up no more than a tenth of the time. */
const newcomerMs = 200;
const restPerLook = 9;

/** A longer line is read up to here; whoever stands behind is told the next number until they have come so far. */
export const lineMax = 20_000;

export type OnPosition = (position: QueuePosition) => void;

export interface Positions {
  /**
   * Calls `onPosition` with the position of a run that waits, soon and whenever it has changed, at most once a second.
   * Never for a run that has been dispatched or has ended, so watch any; it is not told when a run leaves the line.
   * Returns the function that ends the watching.
   */
  watch(runId: string, onPosition: OnPosition): () => void;
  close(): void;
}

/** What one look found of one run. */
type Place = QueuePosition & FoundPosition;

/** Everybody who watches one run, and what they were told last. */
interface WatchedRun {
  readonly watchers: Set<OnPosition>;
  readonly newcomers: Set<OnPosition>;
  told: Place | null;
  toldAt: number;
}

export interface PositionsOptions {
  readonly store: Store;
  readonly lowest: LowestPositions;
  readonly logger: Logger;
}

export function createPositions({ store, lowest, logger }: PositionsOptions): Positions {
  const watched = new Map<string, WatchedRun>();
  let timer: NodeJS.Timeout | null = null;
  let looking = false;
  let newcomers = false;
  let closed = false;
  let lookedAt = -Infinity;
  let lookTookMs = 0;

  /** Arms the timer for the next look, or for an earlier one than it was armed for. */
  function schedule(): void {
    if (looking || closed || watched.size === 0) return;
    const restMs = newcomers ? Math.max(newcomerMs, lookTookMs * restPerLook) : lookMs;
    if (timer) clearTimeout(timer);
    timer = setTimeout(look, Math.max(0, lookedAt + Math.min(restMs, lookMs) - performance.now()));
    timer.unref();
  }

  function look(): void {
    timer = null;
    if (watched.size === 0) return;
    looking = true;
    newcomers = false;
    const startedAt = performance.now();
    readPositions(store, [...watched.keys()])
      .then(tellOf, (error: unknown) => logger.warn({ err: error }, 'cannot look at the queue; trying on'))
      .catch((error: unknown) => logger.error({ err: error }, 'telling positions failed'))
      .finally(() => {
        looking = false;
        lookedAt = performance.now();
        lookTookMs = lookedAt - startedAt;
        schedule();
      });
  }

  /** Tells what is news, and newcomers everything, once it is known what was told before. */
  async function tellOf(places: ReadonlyMap<string, Place>): Promise<void> {
    const news = new Map<string, Place>();
    for (const [runId, run] of watched) {
      const place = places.get(runId);
      // Who came during the look is told with the next one, if it was not in this one.
      if (place && (run.newcomers.size > 0 || isDue(run, neverBack(run.told, place)))) news.set(runId, place);
    }
    if (news.size > 0) tell(news, await lowest(news));
  }

  function tell(news: ReadonlyMap<string, Place>, positions: ReadonlyMap<string, number>): void {
    for (const [runId, found] of news) {
      const run = watched.get(runId);
      if (!run) continue;
      const place = neverBack(run.told, { ...found, position: positions.get(runId) ?? found.position });
      const due = isDue(run, place);
      if (due) {
        run.told = place;
        run.toldAt = performance.now();
      }
      // Who comes may have been told less by another process than those who are here were, and will be in a moment.
      const { position, estimatedMs } = place;
      for (const onPosition of due ? run.watchers : run.newcomers) onPosition({ position, estimatedMs });
      run.newcomers.clear();
    }
  }

  return {
    watch(runId, onPosition) {
      let run = watched.get(runId);
      if (!run) {
        run = { watchers: new Set(), newcomers: new Set(), told: null, toldAt: -Infinity };
        watched.set(runId, run);
      }
      const { watchers } = run;
      watchers.add(onPosition);
      run.newcomers.add(onPosition);
      newcomers = true;
      schedule();
      return () => {
        watchers.delete(onPosition);
        run.newcomers.delete(onPosition);
        if (watchers.size === 0 && watched.get(runId) === run) watched.delete(runId);
      };
    },
    close() {
      closed = true;
      if (timer) clearTimeout(timer);
    },
  };
}

/** For readers of this process alone: they are not put back either while Redis is away. */
function neverBack(told: Place | null, found: Place): Place {
  if (!told) return found;
  const positionMax = told.position + Math.max(0, found.higher - told.higher);
  return { ...found, position: Math.min(found.position, positionMax) };
}

/** Whether all who watch are to be told. */
const isDue = ({ told, toldAt }: WatchedRun, place: Place): boolean =>
  isNews(told, place) && performance.now() - toldAt >= lookMs * 0.9;

/** The estimate alone changes all the time: that is no news, but that there is one now. */
function isNews(told: QueuePosition | null, position: QueuePosition): boolean {
  return (
    told?.position !== position.position || (told.estimatedMs === null) !== (position.estimatedMs === null)
  );
}

async function readPositions(store: Store, runIds: readonly string[]): Promise<Map<string, Place>> {
  const [line, ms] = await Promise.all([readLine(store, runIds, lineMax), msPerStart(store)]);
  const estimate = (rank: number) => (ms === null ? null : Math.round(rank * ms));
  const positions = new Map<string, Place>();
  for (const { id, position, higher, rank } of rankLine(line)) {
    positions.set(id, { position, higher, estimatedMs: estimate(rank) });
  }
  if (line.length === lineMax) {
    const missing = runIds.filter((runId) => !positions.has(runId));
    for (const runId of missing.length > 0 ? await stillWaiting(store, missing) : []) {
      positions.set(runId, { position: lineMax + 1, higher: 0, estimatedMs: estimate(lineMax + 1) });
    }
  }
  return positions;
}
