/**
 * A run is one request to produce one assistant message.
 *
 * queued     accepted and stored; no worker holds it (also while it waits to be retried)
 * running    one worker holds its lease and may append to its log
 * completed  the whole answer is stored
 * failed     it ended without a whole answer; what was produced is stored
 * cancelled  somebody stopped it; what was produced is stored
 *
 * The last three are terminal: a run that reached one of them never changes again.
 */
export type RunStatus = 'queued' | 'running' | 'completed' | 'failed' | 'cancelled';

/** A status that never changes again. Each is also the type of the event that ends the run log. */
export type TerminalStatus = Extract<RunStatus, 'completed' | 'failed' | 'cancelled'>;

/** Every transition a run may make. `running → queued` is a hand-back: a retry later, or a worker that shuts down. */
export const runTransitions: Readonly<Record<RunStatus, readonly RunStatus[]>> = {
  queued: ['running', 'cancelled'],
  running: ['queued', 'completed', 'failed', 'cancelled'],
  completed: [],
  failed: [],
  cancelled: [],
};

/** Whether a run with this status can never change again. */
export function isTerminalStatus(status: RunStatus): status is TerminalStatus {
  return runTransitions[status].length === 0;
}
