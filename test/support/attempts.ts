import type { Stack } from './stack.ts';

/** What one attempt cost, as it is stored. */
export interface StoredAttempt {
  readonly outcome: string | null;
  readonly input: number;
  readonly output: number;
  readonly estimated: boolean;
}

/** The attempts at a run, in order. */
export async function attemptsOf({ db }: Pick<Stack, 'db'>, runId: string): Promise<StoredAttempt[]> {
  const { rows } = await db.query<StoredAttempt>(
    `select outcome, input_tokens as input, output_tokens as output, estimated
     from run_attempts where run_id = $1 order by attempt`,
    [runId],
  );
  return rows;
}
