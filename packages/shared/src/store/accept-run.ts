/** The last part of accepting work: the run, its place in the queue, and the row of its answer. */
import { sql } from 'kysely';
import { AppError } from '../errors.ts';
import type { UserLimits } from '../http/limits.ts';
import type { Parameters } from '../http/parameters.ts';
import type { RunView } from '../http/schemas.ts';
import { v7Id } from '../id.ts';
import { type AllowanceSettings, reserveTokens } from './allowance.ts';
import type { Store } from './database.ts';
import { lockUser, nextPass } from './fair-queue.ts';
import type { IdempotentRequest } from './idempotency.ts';
import { planKept } from './kept-plans.ts';
import { besideStoredRun } from './run-writes.ts';
import { type ConversationRow, type RunRow, runColumns, toRunView } from './views.ts';

/** Who asks, and what of the server's settings decides about it. */
export interface Asking {
  readonly request: IdempotentRequest;
  readonly limits: UserLimits;
  readonly allowance: AllowanceSettings;
  /** Runs of one user that may wait, for users for whom nothing else is set. */
  readonly waitingRunsMax: number;
  readonly defaultModel: string;
}

const tooManyWaitingRetrySeconds = 5;

/**
 * Stores a queued run, and the row of its answer: from now on messages can follow the answer, so that a message that is
 * sent while the one before it is being answered comes after that answer and not beside it. `addedMessageId`: the message
 * that was stored with it and is news to the members. `continuesId`: the answer with whose text this one begins.
 *
 * Takes the user's lock, unless it was taken with `addedMessageId`, and in one statement does what is to be done under it: every message that the user sends at the
 * same time waits until this transaction ends. Throws `too_many_waiting`, `token_limit_reached`.
 */
export async function insertRun(
  trx: Store,
  asking: Asking,
  conversation: ConversationRow,
  promptMessageId: string,
  input: { model?: string | undefined; parameters?: Parameters | undefined },
  {
    addedMessageId = null,
    continuesId = null,
  }: { readonly addedMessageId?: string | null; readonly continuesId?: string | null } = {},
): Promise<RunView> {
  const { userId } = asking.request;
  const { limits } = asking;
  const waitingMax = limits.waitingRuns ?? asking.waitingRunsMax;
  const parameters = { ...conversation.parameters, ...input.parameters };
  // Whoever stored the message took it then.
  if (addedMessageId === null) await lockUser(trx, userId);
  const reservedTokens = await reserveTokens(trx, {
    userId,
    limits,
    settings: asking.allowance,
    leafId: continuesId ?? promptMessageId,
    systemPrompt: conversation.system_prompt,
    maxTokens: parameters.max_tokens,
  });
  const { rows } = await sql<RunRow>`${planKept}
    with allowed as (
      select 1 where (
        select count(*) from (
          select from runs where user_id = ${userId} and status in ('queued', 'running') and phase = 'waiting' limit ${waitingMax}
        ) as waiting
      ) < ${waitingMax}
    ), run as (
      insert into runs
        (id, conversation_id, user_id, prompt_message_id, message_id, continues_id, model, parameters, reserved_tokens,
          priority, pass, behind)
      select ${v7Id()}::uuid, ${conversation.id}::uuid, ${userId}::uuid, ${promptMessageId}::uuid, ${v7Id()}::uuid,
        ${continuesId}::uuid, ${input.model ?? conversation.model ?? asking.defaultModel}, ${JSON.stringify(parameters)}::jsonb,
        ${reservedTokens}::int, ${limits.priority ?? 0}::int, ${nextPass(userId, limits)},
        -- The conversation is locked since an earlier statement: none of its runs ends before this one is committed.
        exists (select from runs where conversation_id = ${conversation.id} and status in ('queued', 'running'))
      from allowed
      returning *
    ), ${besideStoredRun(sql`${addedMessageId}::uuid`)}
    select ${runColumns} from run`.execute(trx);
  const [run] = rows;
  if (!run) {
    throw new AppError('too_many_waiting', {
      detail: `You have ${waitingMax} messages waiting for an answer, which is as many as you may have. Wait until some are answered, or cancel some.`,
      retryAfterSeconds: tooManyWaitingRetrySeconds,
    });
  }
  return toRunView(run);
}
