/**
 * The tokens that a user may use in a day (UTC). An accepted run sets tokens aside until it has ended, when what its
 * attempts have really cost counts instead:
 *
 * left = limit - cost of the attempts that ended today - tokens set aside for runs that have not ended
 *
 * Tokens are set aside under the user's lock (`lockUser`), by all processes, so that runs that are accepted or answered
 * at the same time cannot have the same tokens.
 */
import { sql } from 'kysely';
import { AppError } from '../errors.ts';
import type { UserLimits } from '../http/limits.ts';
import type { Store } from './database.ts';
import { lockUser } from './fair-queue.ts';
import type { HeldAttempt } from './run-lease.ts';

/** What the server's settings say. */
export interface AllowanceSettings {
  /** Tokens per user and day; 0: no limit. */
  readonly tokensPerDay: number;
  /** Set aside for an answer whose request names no `max_tokens`. */
  readonly tokensPerRun: number;
}

/** The tokens that a user may use in a day; null: as many as they want. */
export function tokenLimit(
  limits: UserLimits,
  { tokensPerDay }: Pick<AllowanceSettings, 'tokensPerDay'>,
): number | null {
  return (limits.tokensPerDay ?? tokensPerDay) || null;
}

/** Tokens of today, in one snapshot: a run that ends moves its tokens from one to the other. */
export interface TokensOfToday {
  readonly used: number;
  readonly reserved: number;
}

export async function tokensOfToday(db: Store, userId: string): Promise<TokensOfToday> {
  const { rows } = await sql<{ used: string; reserved: string }>`
    select
      (select coalesce(sum(input_tokens::bigint + output_tokens), 0) from run_attempts
       where user_id = ${userId} and ended_at >= date_trunc('day', now(), 'UTC')) as used,
      (select coalesce(sum(reserved_tokens::bigint), 0) from runs
       where user_id = ${userId} and status in ('queued', 'running')) as reserved`.execute(db);
  return { used: Number(rows[0]?.used ?? 0), reserved: Number(rows[0]?.reserved ?? 0) };
}

/** A run that is about to be accepted. */
export interface RunToReserve {
  readonly userId: string;
  readonly limits: UserLimits;
  readonly settings: AllowanceSettings;
  /** The last message of the prompt: the one to answer, or the answer to go on with. It is stored. */
  readonly leafId: string;
  readonly systemPrompt: string | null;
  readonly maxTokens: number | undefined;
}

/**
 * How many tokens to set aside for a run: prompt and answer, or what is left if that is less. 0 for users without a limit.
 * The caller holds the user's lock. Throws `token_limit_reached` when the prompt alone would use up what is left.
 */
export async function reserveTokens(trx: Store, run: RunToReserve): Promise<number> {
  const limit = tokenLimit(run.limits, run.settings);
  if (limit === null) return 0;
  const { used, reserved } = await tokensOfToday(trx, run.userId);
  const left = limit - used - reserved;
  const prompt = left <= 0 ? 0 : await roughPromptTokens(trx, run.leafId, run.systemPrompt);
  if (left <= prompt) {
    throw new AppError('token_limit_reached', {
      detail:
        `Of today's ${limit} tokens ${used} are used and ${reserved} set aside for runs that have not ended` +
        (left <= 0 ? '.' : `; this conversation takes about ${prompt} to read.`) +
        ' Wait for those runs, or until midnight UTC.',
      ...(reserved === 0 ? { retryAfterSeconds: secondsUntilMidnight() } : {}),
    });
  }
  return Math.min(left, prompt + (run.maxTokens ?? run.settings.tokensPerRun));
}

function secondsUntilMidnight(): number {
  const dayMs = 86_400_000;
  return Math.ceil((dayMs - (Date.now() % dayMs)) / 1_000);
}

/**
 * Bytes of UTF-8 per token: about right for English (4 characters) and Chinese (3 bytes each, somewhat more than one
 * token), within a factor of two for the rest. Good enough to set tokens aside; what is settled is counted.
 */
const bytesPerToken = 4;

/** OpenAI's chat format spends about this many tokens on the frame of each message. */
const tokensPerMessage = 4;

/** What the branch that ends with a message takes to read, about. Answers that are not written yet count nothing. */
async function roughPromptTokens(db: Store, leafId: string, systemPrompt: string | null): Promise<number> {
  const { rows } = await sql<{ bytes: string; messages: string }>`
    with recursive branch as (
      select text, parent_id from messages where id = ${leafId}
      union all
      select parent.text, parent.parent_id from messages parent join branch on parent.id = branch.parent_id
    )
    select coalesce(sum(octet_length(text)), 0) as bytes, count(*) as messages from branch where text <> ''`.execute(
    db,
  );
  const bytes = Number(rows[0]?.bytes ?? 0) + Buffer.byteLength(systemPrompt ?? '');
  const messages = Number(rows[0]?.messages ?? 0) + (systemPrompt ? 1 : 0);
  return Math.ceil(bytes / bytesPerToken) + messages * tokensPerMessage;
}

/**
 * Sets `tokens` more aside for a run that outgrows its reservation, or what is left if that is less. Returns how many: 0
 * when nothing is left, null when that cannot be told now.
 *
 * Whoever accepts work may hold the run's row (to stop it) and wait for the user's lock, so this must not wait for the row
 * while it holds that lock: a row that is locked is left for the next try.
 */
export async function extendReservation(
  db: Store,
  { runId, attempt }: HeldAttempt,
  tokens: number,
  settings: Pick<AllowanceSettings, 'tokensPerDay'>,
): Promise<number | null> {
  return db.transaction().execute(async (trx) => {
    const user = await trx
      .selectFrom('runs')
      .innerJoin('users', 'users.id', 'runs.user_id')
      .select(['users.id', 'users.limits'])
      .where('runs.id', '=', runId)
      .executeTakeFirst();
    if (!user) return null;
    await lockUser(trx, user.id);
    const limit = tokenLimit(user.limits, settings);
    const { used, reserved } = await tokensOfToday(trx, user.id);
    // The limit may have been lifted while the run was answered.
    const more = limit === null ? tokens : Math.min(tokens, limit - used - reserved);
    if (more <= 0) return 0;
    const { numAffectedRows } = await sql`
      update runs set reserved_tokens = reserved_tokens + ${more}
      where id in (select id from runs where id = ${runId} and attempt = ${attempt} and status = 'running'
                   for no key update skip locked)`.execute(trx);
    return numAffectedRows === 1n ? more : null;
  });
}
