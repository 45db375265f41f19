import { readText } from '@holdfast/shared/run-log/read-text.ts';
import type { RunLogReader } from '@holdfast/shared/run-log/run-log.ts';
import type { Store } from '@holdfast/shared/store/database.ts';
import { lostAttempts, settleLostAttempt } from '@holdfast/shared/store/usage.ts';
import type { RunRow } from '@holdfast/shared/store/views.ts';
import { whileLogIsAway } from './attempt-log.ts';
import { whileStoreIsAway } from './end-run.ts';
import { buildPrompt } from './prompt.ts';
import { estimateUsage } from './usage.ts';

/**
 * Writes down what attempts have cost whose workers died: what they had written is still in the run log, until the next
 * attempt opens it. Call it between claim and opening. Returns the run with the usage of the attempt whose text it has.
 * Throws as `whileLogIsAway` does.
 */
export async function settleLostAttempts(
  run: RunRow,
  lost: AbortSignal,
  { store, runLog, leaving }: { store: Store; runLog: RunLogReader; leaving: AbortSignal },
): Promise<RunRow> {
  if (run.crashes === 0) return run;
  const attempts = await whileStoreIsAway(() => lostAttempts(store, run.id));
  if (attempts.length === 0) return run;
  const written = await whileLogIsAway(() => readText(runLog, run.id), lost, leaving);
  let { usage } = run;
  for (const attempt of attempts) {
    // One that came after the log's died before it opened it, and that is before it asked the provider. When the log is gone
    // with Redis nobody can tell what was written; that the prompt was read is likely.
    const asked = written === null || written.id.attempt === attempt;
    const built = asked ? await whileStoreIsAway(() => buildPrompt(store, run)) : null;
    // What the answer begins with was not written by this attempt.
    const spent = built && estimateUsage(built.prompt, (written?.text ?? '').slice(built.begun.length));
    await whileStoreIsAway(() => settleLostAttempt(store, { runId: run.id, attempt }, run.attempt, spent));
    usage = spent ?? usage;
  }
  return { ...run, usage };
}
