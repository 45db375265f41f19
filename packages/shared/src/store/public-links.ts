/** Public links: whoever has the token may read the branch that is shown, live answers included, without an account. */
import { type RawBuilder, sql } from 'kysely';
import { AppError } from '../errors.ts';
import type { Message, RunView } from '../http/schemas.ts';
import { isId } from '../id.ts';
import { newToken, tokenKind } from '../token.ts';
import { branchMessagesMax, readBranch } from './branches.ts';
import { inSnapshot, type Store } from './database.ts';
import type { Grant } from './grant.ts';
import { toRunView } from './views.ts';

/** Makes the public link of a conversation, or returns the one that it has. */
export async function putPublicLink(db: Store, conversationId: string): Promise<string> {
  const { token } = await db
    .insertInto('public_links')
    .values({ conversation_id: conversationId, token: newToken('hfp') })
    // An update that changes nothing, because it returns the row also when another request has just made it.
    .onConflict((conflict) =>
      conflict.column('conversation_id').doUpdateSet({ token: sql<string>`public_links.token` }),
    )
    .returning('token')
    .executeTakeFirstOrThrow();
  return token;
}

/** Throws `public_link_not_found`. */
export async function getPublicLink(db: Store, conversationId: string): Promise<string> {
  const link = await db
    .selectFrom('public_links')
    .select('token')
    .where('conversation_id', '=', conversationId)
    .executeTakeFirst();
  if (!link) {
    throw new AppError('public_link_not_found', {
      detail: 'This conversation has no public link. PUT makes one.',
    });
  }
  return link.token;
}

/** From now on the link leads nowhere; one that is made later has another token. */
export async function deletePublicLink(db: Store, conversationId: string): Promise<void> {
  await db.deleteFrom('public_links').where('conversation_id', '=', conversationId).execute();
}

/** The messages of the branch that is shown, up to its newest one, finished or not; for `with recursive`. */
const shownBranch = (conversationId: RawBuilder<unknown>): RawBuilder<unknown> => sql`
  branch as (
    select messages.parent_id, messages.run_id, 1 as depth from messages
      join conversations on conversations.leaf_id = messages.id where conversations.id = ${conversationId}
    union all
    select parent.parent_id, parent.run_id, depth + 1 from messages parent join branch on parent.id = branch.parent_id
      where depth < ${branchMessagesMax}
  )`;

/**
 * What the holder of a token may read: its conversation, and of its runs those whose answers are on the branch that is
 * shown. What was edited away or answered again is not public. Throws `public_link_not_found`, `run_not_found`.
 */
export async function findLinkGrant(db: Store, token: string, runId: string | null): Promise<Grant> {
  const link =
    tokenKind(token) === 'hfp'
      ? await db
          .selectFrom('public_links')
          .innerJoin('conversations', 'conversations.id', 'public_links.conversation_id')
          .select('conversations.id as conversationId')
          .where('public_links.token', '=', token)
          .where('conversations.deleted_at', 'is', null)
          .executeTakeFirst()
      : undefined;
  if (!link) {
    throw new AppError('public_link_not_found', { detail: 'This link was revoked. Ask who gave it to you.' });
  }
  if (runId !== null && !(await isShown(db, link.conversationId, runId))) {
    throw new AppError('run_not_found', { detail: 'There is no run with this id behind this link.' });
  }
  return { conversationId: link.conversationId, role: 'reader' };
}

async function isShown(db: Store, conversationId: string, runId: string): Promise<boolean> {
  if (!isId(runId)) return false;
  const { rows } = await sql`
    with recursive ${shownBranch(sql`${conversationId}`)}
    select from branch where run_id = ${runId}`.execute(db);
  return rows.length > 0;
}

/** Which of these tokens lead somewhere still. */
export async function stillLinked(db: Store, tokens: readonly string[]): Promise<Set<string>> {
  const rows = await db
    .selectFrom('public_links')
    .innerJoin('conversations', 'conversations.id', 'public_links.conversation_id')
    .select('public_links.token')
    .where('public_links.token', 'in', [...tokens])
    .where('conversations.deleted_at', 'is', null)
    .execute();
  return new Set(rows.map(({ token }) => token));
}

/** What is seen behind a public link; the caller leaves out what is not for everybody. */
export interface SharedHistory {
  readonly title: string | null;
  readonly messages: Message[];
  /** The runs of the branch that is shown and that have not ended, in order. */
  readonly runs: RunView[];
}

/** Throws `public_link_not_found`. */
export async function readShared(db: Store, conversationId: string): Promise<SharedHistory> {
  // One snapshot for all, or a run that ends between the queries would be neither among the runs nor in history.
  return inSnapshot(db, async (trx) => {
    const conversation = await trx
      .selectFrom('conversations')
      .select(['title', 'leaf_id'])
      .where('id', '=', conversationId)
      .where('deleted_at', 'is', null)
      .executeTakeFirst();
    if (!conversation) {
      throw new AppError('public_link_not_found', { detail: 'The conversation was deleted.' });
    }
    const unfinished = await trx
      .selectFrom('runs')
      .selectAll()
      .where('conversation_id', '=', conversationId)
      .where('status', 'in', ['queued', 'running'])
      .where(
        'id',
        'in',
        sql<string>`(
          with recursive ${shownBranch(sql`${conversationId}`)} select run_id from branch where run_id is not null)`,
      )
      .orderBy('number')
      .execute();
    return {
      title: conversation.title,
      messages: conversation.leaf_id ? await readBranch(trx, conversation.leaf_id) : [],
      runs: unfinished.map(toRunView),
    };
  });
}
