/** Which waiting runs a connection to `/api/events` tells the positions of. */
import { expect, it } from 'vitest';
import { createWaitingRuns, watchedMax } from '../../apps/api/src/feed/waiting-runs.ts';
import type { OnPosition } from '../../apps/api/src/queue/positions.ts';

function createWorld() {
  const watched = new Map<string, OnPosition>();
  const told: unknown[] = [];
  const runs = createWaitingRuns(
    {
      watch(runId, onPosition) {
        watched.set(runId, onPosition);
        return () => watched.delete(runId);
      },
    },
    (json) => told.push(JSON.parse(json)),
  );
  return { watched, told, runs };
}

const many = Array.from({ length: watchedMax + 20 }, (_, n) => ({
  id: `run-${n}`,
  conversationId: n % 2 ? 'odd' : 'even',
}));
const ids = (runs: typeof many) => runs.map((run) => run.id);

it('a position is told with its run and conversation', () => {
  const { watched, told, runs } = createWorld();
  runs.watch({ id: 'run', conversationId: 'conversation' });
  watched.get('run')?.({ position: 3, estimatedMs: null });
  expect(told).toEqual([{ conversationId: 'conversation', runId: 'run', position: 3, estimatedMs: null }]);
});

it('of more waiting runs than are watched the first ones are, and others move up when they leave', () => {
  const { watched, runs } = createWorld();
  for (const run of [...many, ...many]) runs.watch(run);
  expect([...watched.keys()]).toEqual(ids(many.slice(0, watchedMax)));
  runs.forget('run-0');
  runs.forget(`run-${watchedMax + 1}`);
  runs.forget('unknown');
  expect([...watched.keys()]).toEqual(ids(many.slice(1, watchedMax + 1)));
  runs.leave('odd');
  const left = many.filter((run) => run.conversationId === 'even' && run.id !== 'run-0');
  expect([...watched.keys()]).toEqual(ids(left));
  runs.leaveAll();
  expect(watched.size).toBe(0);
});
