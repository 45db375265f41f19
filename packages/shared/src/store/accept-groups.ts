/**
 * Questions of many users stored in one transaction (grouped.ts), with the same words and guards as one alone in accept.ts.
 * Of each user and each conversation a group takes one: places in the queue and on the branch are given one after the other.
 *
 * The transaction waits for nobody but, for a moment, for the feeds: what is locked by somebody else, what has been asked
 * before under its key and what is over a limit is left out, changes nothing, and is decided alone.
 */
import { sql } from 'kysely';
import type { AcceptedMessage, PostMessage } from '../http/schemas.ts';
import { v7Id } from '../id.ts';
import { searchTerms } from '../search/terms.ts';
import { type Accepted, type Asking, acceptMessage } from './accept.ts';
import { tokenLimit } from './allowance.ts';
import type { Store } from './database.ts';
import { passAfter, userLockKey } from './fair-queue.ts';
import { createGrouped } from './grouped.ts';
import { type KeyedAnswer, keyedAnswer, storeAnswers } from './idempotency.ts';
import { planKept } from './kept-plans.ts';
import { besideStoredRun } from './run-writes.ts';
import { indexTexts } from './search.ts';
import {
  type ConversationRow,
  conversationColumns,
  type RunRow,
  runColumns,
  toMessage,
  toRunView,
} from './views.ts';

/**
 * Somebody's transaction that stands still holds up a group no longer than this: then each is stored alone. So does a repeat
 * that holds a key and waits for the conversation that the group holds.
 */
const lockMsMax = 100;

interface Question {
  readonly asking: Asking;
  readonly conversationId: string;
  readonly input: PostMessage;
}

/** `outcome` throws what became of a question when nobody can tell whether it was stored. */
type Outcome = () => Accepted<AcceptedMessage>;

/** As `acceptMessage`, for a process that takes many. */
export function createAcceptGroups(
  db: Store,
): (asking: Asking, conversationId: string, input: PostMessage) => Promise<Accepted<AcceptedMessage>> {
  const accept = createGrouped<Question, Outcome>({
    together: (questions) => acceptTogether(db, questions),
    alone: async ({ asking, conversationId, input }) => {
      const accepted = await acceptMessage(db, asking, conversationId, input);
      return () => accepted;
    },
    charsOf: ({ input }) => input.text.length,
  });
  return async (asking, conversationId, input) => {
    const waits = input.whenBusy === undefined || input.whenBusy === 'queue';
    const unlimited = tokenLimit(asking.limits, asking.allowance) === null;
    if (!waits || !unlimited) return acceptMessage(db, asking, conversationId, input);
    return (await accept({ asking, conversationId, input }))();
  };
}

/** A question whose conversation and user are locked, with all that is to be stored of it. */
interface ReadyQuestion extends Question {
  readonly conversation: ConversationRow;
  readonly messageId: string;
  readonly terms: string;
  readonly key: KeyedAnswer | null;
}

async function acceptTogether(
  db: Store,
  questions: readonly Question[],
): Promise<readonly (Outcome | undefined)[]> {
  const first = firstOfEach(questions);
  const prepared = await Promise.all(
    first.map(async (question) => ({
      ...question,
      messageId: v7Id(),
      terms: await searchTerms(question.input.text),
      key: keyedAnswer(question.asking.request),
    })),
  );
  let accepted = new Map<string, AcceptedMessage>();
  let committing = false;
  let failure: { readonly error: unknown } | null = null;
  try {
    await db.transaction().execute(async (trx) => {
      const conversations = await lockAll(trx, first);
      const ready: ReadyQuestion[] = [];
      for (const question of prepared) {
        const conversation = conversations.get(question.conversationId);
        if (conversation) ready.push({ ...question, conversation });
      }
      if (ready.length > 0) accepted = await storeAll(trx, ready);
      committing = true;
    });
  } catch (error) {
    // Nothing was stored, and each can be tried alone.
    if (!committing) throw error;
    // It may have been: to try again could store it twice. Who has a key may ask again.
    failure = { error };
  }
  return questions.map((question) => {
    const result = first.includes(question) ? accepted.get(question.conversationId) : undefined;
    return (
      result &&
      (() => {
        if (failure) throw failure.error;
        return { result, repeated: false, interrupted: [] };
      })
    );
  });
}

function firstOfEach(questions: readonly Question[]): Question[] {
  const taken = new Set<string>();
  return questions.filter(({ asking, conversationId }) => {
    const { userId } = asking.request;
    if (taken.has(userId) || taken.has(conversationId)) return false;
    taken.add(userId).add(conversationId);
    return true;
  });
}

/** Locks conversations and users, in a statement of its own: the next one sees all that was stored under these locks. */
async function lockAll(trx: Store, questions: readonly Question[]): Promise<Map<string, ConversationRow>> {
  const { rows } = await sql<ConversationRow & { user_held: boolean }>`${planKept}
    select locked.*, pg_try_advisory_xact_lock(${userLockKey(sql`given.user_id`)}) as user_held,
      set_config('lock_timeout', ${`${lockMsMax}`}, true)
    from unnest(${questions.map((each) => each.conversationId)}::uuid[],
                ${questions.map((each) => each.asking.request.userId)}::text[]) as given (conversation_id, user_id)
      join (
        select ${conversationColumns} from conversations
        where id = any(${questions.map((each) => each.conversationId)}::uuid[]) and deleted_at is null
        for update skip locked
      ) as locked on locked.id = given.conversation_id`.execute(trx);
  return new Map(rows.filter((row) => row.user_held).map((row) => [row.id, row]));
}

/** Stores what may be stored. Returns it by conversation. */
async function storeAll(
  trx: Store,
  questions: readonly ReadyQuestion[],
): Promise<Map<string, AcceptedMessage>> {
  const each = <T>(read: (question: ReadyQuestion) => T): T[] => questions.map(read);
  const waitingMax = ({ asking }: Question) => asking.limits.waitingRuns ?? asking.waitingRunsMax;
  const { rows } = await sql<RunRow & { message_created_at: Date }>`${planKept}
    with given as materialized (
      select * from unnest(
        ${each((one) => one.asking.request.userId)}::uuid[], ${each((one) => one.conversation.id)}::uuid[],
        ${each((one) => one.conversation.leaf_id)}::uuid[], ${each((one) => one.messageId)}::uuid[],
        ${each((one) => one.input.text)}::text[], ${each((one) => one.terms)}::text[],
        ${each(() => v7Id())}::uuid[], ${each(() => v7Id())}::uuid[],
        ${each(({ asking, conversation, input }) => input.model ?? conversation.model ?? asking.defaultModel)}::text[],
        ${each(({ conversation, input }) => JSON.stringify({ ...conversation.parameters, ...input.parameters }))}::text[],
        ${each(({ asking }) => asking.limits.priority ?? 0)}::int[],
        ${each(({ asking }) => 1 / (asking.limits.weight ?? 1))}::float8[], ${each(waitingMax)}::int[],
        ${each(({ key }) => key?.name ?? null)}::text[], ${each(({ key }) => key?.requestHash ?? null)}::text[]
      ) as given (user_id, conversation_id, parent_id, message_id, text, terms, run_id, answer_id, model, parameters,
                  priority, step, waiting_max, key, request_hash)
    ), allowed as materialized (
      select * from given where (
        select count(*) from (
          select from runs where runs.user_id = given.user_id and status in ('queued', 'running') and phase = 'waiting'
          limit ${Math.max(...each(waitingMax))}
        ) as waiting
      ) < waiting_max
    ), keyed as (
      -- Not those whose key was used before: they get what was answered then.
      insert into idempotency_keys (user_id, key, request_hash, response)
      select user_id, key, request_hash, 'null'::jsonb from allowed where key is not null
      on conflict do nothing returning user_id, key
    ), accepted as materialized (
      select * from allowed
      where key is null or exists (select from keyed where keyed.user_id = allowed.user_id and keyed.key = allowed.key)
    ), stored as (
      insert into messages (id, conversation_id, parent_id, role, text, author_id, status)
      select message_id, conversation_id, parent_id, 'user', text, user_id, 'completed' from accepted
      returning id, created_at
    ), indexed as (${indexTexts(sql`accepted`)}
    ), run as (
      insert into runs
        (id, conversation_id, user_id, prompt_message_id, message_id, model, parameters, priority, pass, behind)
      select run_id, conversation_id, user_id, stored.id, answer_id, model, parameters::jsonb, priority,
        ${passAfter(sql`accepted.user_id`, sql`accepted.priority`, sql`accepted.step`)},
        exists (select from runs where runs.conversation_id = accepted.conversation_id and status in ('queued', 'running'))
      from accepted join stored on stored.id = accepted.message_id
      returning *
    ), ${besideStoredRun(sql`run.prompt_message_id`)}
    select ${runColumns},
      (select stored.created_at from stored where stored.id = run.prompt_message_id) as message_created_at
    from run`.execute(trx);
  const runs = new Map(rows.map((row) => [row.conversation_id, row]));
  const accepted = new Map<string, AcceptedMessage>();
  for (const { asking, conversation, messageId, input } of questions) {
    const run = runs.get(conversation.id);
    if (!run) continue;
    const message = toMessage({
      id: messageId,
      conversation_id: conversation.id,
      parent_id: conversation.leaf_id,
      role: 'user',
      text: input.text,
      run_id: null,
      author_id: asking.request.userId,
      status: 'completed',
      number: '',
      created_at: run.message_created_at,
    });
    accepted.set(conversation.id, { message, run: toRunView(run) });
  }
  await storeAnswers(
    trx,
    questions.flatMap(({ conversation, key }) => {
      const result = accepted.get(conversation.id);
      return key && result ? [{ key, result }] : [];
    }),
  );
  return accepted;
}
