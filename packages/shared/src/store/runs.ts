/** Runs as requests see them: look up, ask to stop, and how they ended. */
import { sql } from 'kysely';
import { notFound } from '../errors.ts';
import type { RunEnd } from '../protocol/run-event.ts';
import type { Store } from './database.ts';
import { endRun } from './run-lease.ts';
import { type RunRow, runEnd } from './views.ts';

/** Who may read it was decided before. Throws `run_not_found`. */
export async function getRun(db: Store, runId: string): Promise<RunRow> {
  const run = await db.selectFrom('runs').selectAll().where('id', '=', runId).executeTakeFirst();
  if (!run) throw notFound('run');
  return run;
}

/**
 * Writes down that the run is to stop, and returns it as it is now. This flag is what makes a cancel win: whoever holds
 * the run reads it with the next heartbeat, and nobody can complete the run any more. A run that had ended stays as it
 * is. Throws `run_not_found`.
 */
export async function requestCancel(db: Store, runId: string): Promise<RunRow> {
  const cancelled = await db
    .updateTable('runs')
    .set({ cancel_requested_at: sql`now()` })
    .where('id', '=', runId)
    .where('status', 'in', ['queued', 'running'])
    .where('cancel_requested_at', 'is', null)
    .returningAll()
    .executeTakeFirst();
  // As this very statement left it: a worker that reads the flag at once may end the run before another query sees it,
  // and whoever stopped the run would be told that it had ended before.
  return cancelled ?? getRun(db, runId);
}

/**
 * Ends a run that no worker holds as cancelled, under an attempt number of its own: a worker that held it before is
 * fenced off, and one that claims it at this moment wins instead (then this returns null, and that worker reads the
 * flag). `text` is what earlier attempts had produced.
 */
export function cancelQueued(db: Store, run: RunRow, text: string): Promise<RunRow | null> {
  return endRun(db, {
    runId: run.id,
    attempt: run.attempt,
    from: 'queued',
    attemptsToAdd: 1,
    terminalSeq: 1,
    status: 'cancelled',
    text,
    usage: run.usage,
    attemptUsage: null,
  });
}

/** How a run ended, with the text that it left behind. */
export interface EndedRun {
  readonly end: RunEnd;
  readonly text: string;
}

/** Which of these runs have ended, and how. For readers of logs that are gone or lack their end. */
export async function endedRuns(db: Store, runIds: readonly string[]): Promise<Map<string, EndedRun>> {
  const ended = new Map<string, EndedRun>();
  if (runIds.length === 0) return ended;
  const rows = await db
    .selectFrom('runs')
    .leftJoin('messages', 'messages.id', 'runs.message_id')
    .selectAll('runs')
    .select('messages.text')
    .where('runs.id', 'in', [...runIds])
    .where('runs.terminal_seq', 'is not', null)
    .execute();
  for (const row of rows) {
    const end = runEnd(row);
    if (end) ended.set(row.id, { end, text: row.text ?? '' });
  }
  return ended;
}
