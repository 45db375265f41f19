import { encodeEventData, type RunEnd } from '../protocol/run-event.ts';
import type { RunLogWriter, UnplacedEvent } from './run-log.ts';

/**
 * Appends the terminal event of a run that has ended in Postgres, to the log of the attempt that ended it. `opening`
 * opens that attempt first, for an end that has an attempt of its own. Repeating it is harmless; where the log is lost,
 * nothing is written, and readers are answered from Postgres. Throws RunLogUnavailableError.
 */
export async function closeLog(
  runLog: RunLogWriter,
  runId: string,
  { id, event }: RunEnd,
  opening?: UnplacedEvent,
): Promise<void> {
  if (opening) await runLog.open(runId, id.attempt, opening);
  await runLog.append(runId, id.attempt, id.seq, [{ type: event.type, json: encodeEventData(event) }]);
}
