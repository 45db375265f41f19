/**
 * Nobody waits for ever, and nobody for nothing.
 *
 * silence   a connection on which no byte came for longer than there may be between two heartbeats
 * place     a connection on which no event came: neither of the answer nor of the place in the queue
 * position  a place in the queue that rose, over any number of connections
 */
import type { FeedEntry, Limits, ReaderEntry, Violation } from './history.ts';

export function checkWaiting(
  readers: readonly ReaderEntry[],
  feeds: readonly FeedEntry[],
  { silentMsMax, firstEventMsMax }: Limits,
): Violation[] {
  return [
    ...readers.flatMap(({ user, runId, connections, events }): Violation[] => {
      const of = (rule: string) => (detail: object) => ({ rule, runId, detail: { user, ...detail } });
      const positions = events
        .filter(({ event }) => event === 'queued')
        .map(({ data }) => Number((JSON.parse(data) as { position: unknown }).position));
      return [
        ...connections.filter(({ silentMs }) => silentMs > silentMsMax).map(of('silence')),
        ...connections.filter(({ firstEventMs }) => (firstEventMs ?? 0) > firstEventMsMax).map(of('place')),
        ...(isFalling(positions) ? [] : [{ positions }].map(of('position'))),
      ];
    }),
    ...feeds.flatMap(({ user, events }): Violation[] => {
      const told = events.filter(({ type }) => type === 'run.position').map(({ data }) => data);
      return [...Map.groupBy(told, ({ runId }) => String(runId))].flatMap(([runId, places]) => {
        const positions = places.map(({ position }) => Number(position));
        return isFalling(positions) ? [] : [{ rule: 'position', runId, detail: { user, positions } }];
      });
    }),
  ];
}

/** Each as great as the one before, or less: whoever connects again is told again. All users have the same priority. */
const isFalling = (positions: readonly number[]): boolean =>
  positions.every((each, index) => each >= 1 && each <= (positions[index - 1] ?? Infinity));
