/** Stopping a run whose cancel is written down. */
import { encodeEventData } from '@holdfast/shared/protocol/run-event.ts';
import { closeLog } from '@holdfast/shared/run-log/close-log.ts';
import { readText } from '@holdfast/shared/run-log/read-text.ts';
import { cancelQueued } from '@holdfast/shared/store/runs.ts';
import { lostAttempts } from '@holdfast/shared/store/usage.ts';
import { type RunRow, runEnd } from '@holdfast/shared/store/views.ts';
import type { FastifyBaseLogger } from 'fastify';
import type { Services } from './services.ts';

type StopServices = Pick<Services, 'store' | 'runLog' | 'dispatcher'>;

/**
 * Tells whoever holds the run, or ends it at once when nobody does. Returns the run as it ended, or null: then a worker
 * will end it.
 */
export async function stopRun(
  services: StopServices,
  run: RunRow,
  log: FastifyBaseLogger,
): Promise<RunRow | null> {
  // That it is to stop is stored: to fail whoever asked for it would deny what has been done.
  const ended =
    run.status === 'queued'
      ? await endQueued(services, run, log).catch((error: unknown) => {
          log.warn({ err: error, runId: run.id }, 'could not end a run that waits; a worker will');
          return null;
        })
      : null;
  if (ended) {
    // What waited for it in its conversation may go on.
    void services.dispatcher.dispatch();
  } else {
    // Whoever holds the run reads the flag with its next heartbeat; the nudge makes that immediate.
    await services.runLog
      .requestCancel(run.id)
      .catch((error: unknown) => log.warn({ err: error }, 'could not nudge the worker'));
  }
  return ended;
}

/**
 * Ends a run that waits in the queue, at once and without a worker. Null: a worker has taken it meanwhile, or will end
 * it: when Redis, which holds what earlier attempts have written, can be read again, or when it has settled these.
 */
async function endQueued(
  { store, runLog }: StopServices,
  run: RunRow,
  log: FastifyBaseLogger,
): Promise<RunRow | null> {
  // A worker died of it and the next one left before it could tell what that had cost: only a worker can.
  if (run.crashes > 0 && (await lostAttempts(store, run.id)).length > 0) return null;
  let text = '';
  if (run.attempt > 0) {
    try {
      text = (await readText(runLog, run.id))?.text ?? '';
    } catch (error) {
      log.warn(
        { err: error, runId: run.id },
        'cannot read what was written before; a worker will end the run',
      );
      return null;
    }
  }
  const ended = await cancelQueued(store, run, text);
  const end = ended && runEnd(ended);
  if (end) {
    const opening = {
      type: 'snapshot',
      json: encodeEventData({ type: 'snapshot', data: { text } }),
    } as const;
    await closeLog(runLog, run.id, end, opening).catch((error: unknown) =>
      // Readers take the end from Postgres instead, within a second or two.
      log.warn({ err: error, runId: run.id }, 'could not close the run log'),
    );
  }
  return ended;
}
