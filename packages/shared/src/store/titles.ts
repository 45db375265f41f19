/**
 * Titles that the model writes. A conversation without a title is due when one of its answers is completed (`endRun`):
 *
 * due       `title_due_at` has come; whoever claims it puts that off, so that it comes again if they die
 * written   a title is there, the model's or a person's: nobody asks any more
 * given up  tried too often; `title_due_at` is null
 */
import { sql } from 'kysely';
import type { Usage } from '../protocol/run-event.ts';
import type { Store } from './database.ts';
import { indexTitle } from './search.ts';
import { recordEvents } from './user-events.ts';

export const titleTriesMax = 3;

/** A title that nobody could write for so long, or that fell due while titles were off, is not missed. */
const dueHoursMax = 24;

/** Whoever claims a title has so long for it. */
const claimSeconds = 60;

/** Of the question and of the answer: more does not make the title better. */
const excerptChars = 2_000;

/** A title to write, and what it is about. */
export interface DueTitle {
  readonly conversationId: string;
  /** From 1. */
  readonly tries: number;
  /** The first run of the conversation that was completed. */
  readonly runId: string;
  readonly userId: string;
  readonly model: string;
  readonly question: string;
  readonly answer: string;
}

/** Takes up to `limit` titles that are due. Several workers share the work (`skip locked`). */
export async function claimTitles(db: Store, limit: number): Promise<DueTitle[]> {
  const { rows } = await sql<DueTitle>`
    with due as (
      update conversations set title_tries = title_tries + 1, title_due_at = now() + ${claimSeconds} * interval '1 second'
      where id in (
        select id from conversations
        where title_due_at between now() - ${dueHoursMax} * interval '1 hour' and now()
          and title is null and deleted_at is null and title_tries < ${titleTriesMax}
        order by title_due_at limit ${limit}
        for update skip locked)
      returning id, title_tries
    )
    select due.id as "conversationId", title_tries as tries, run.id as "runId", run.user_id as "userId", run.model,
      left(question.text, ${excerptChars}) as question, left(answer.text, ${excerptChars}) as answer
    from due
      cross join lateral (
        select * from runs where conversation_id = due.id and status = 'completed' order by number limit 1) as run
      join messages question on question.id = run.prompt_message_id
      join messages answer on answer.id = run.message_id`.execute(db);
  return rows;
}

/** Gives a conversation the model's title, unless there is one by now. Returns whether it was needed. */
export async function writeTitle(db: Store, conversationId: string, title: string): Promise<boolean> {
  return db.transaction().execute(async (trx) => {
    const written = await trx
      .updateTable('conversations')
      .set({ title, title_by: 'model', title_due_at: null })
      .where('id', '=', conversationId)
      .where('title', 'is', null)
      .where('deleted_at', 'is', null)
      .returning('id')
      .executeTakeFirst();
    if (!written) return false;
    await indexTitle(trx, conversationId, title);
    await recordEvents(trx, conversationId, [{ type: 'conversation.changed' }]);
    return true;
  });
}

/** After a try that failed: the title is due again after `delayMs`, or given up after the last one. */
export async function putOffTitle(
  db: Store,
  { conversationId, tries }: DueTitle,
  delayMs: number,
): Promise<void> {
  await db
    .updateTable('conversations')
    .set({
      title_due_at: tries >= titleTriesMax ? null : sql`now() + ${delayMs} * interval '1 millisecond'`,
    })
    .where('id', '=', conversationId)
    .where('title_tries', '=', tries)
    .where('title', 'is', null)
    .execute();
}

/**
 * Writes down what a title has cost, as attempt 0 of the run that it was made from: its user pays, and it is counted like
 * everything else that the model was asked for.
 */
export async function recordTitleCost(
  db: Store,
  { runId, userId, model }: DueTitle,
  workerId: string,
  { inputTokens, outputTokens, estimated }: Usage,
): Promise<void> {
  await sql`
    insert into run_attempts
      (run_id, attempt, user_id, model, worker_id, ended_at, outcome, input_tokens, output_tokens, estimated)
    select ${runId}, 0, id, ${model}, ${workerId}, now(), 'completed', ${inputTokens}, ${outputTokens}, ${estimated}
    from users where id = ${userId}
    on conflict (run_id, attempt) do update set
      ended_at = now(),
      input_tokens = run_attempts.input_tokens + excluded.input_tokens,
      output_tokens = run_attempts.output_tokens + excluded.output_tokens,
      estimated = run_attempts.estimated or excluded.estimated`.execute(db);
}
