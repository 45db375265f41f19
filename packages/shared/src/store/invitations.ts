/**
 * Invitations: whoever has the token may become a member, any number of people, until it expires or is revoked. Only a hash
 * of the token is stored.
 */
import { sql } from 'kysely';
import { AppError, notFound } from '../errors.ts';
import type { Conversation } from '../http/schemas.ts';
import type { CreateInvitation, Invitation, InvitationPreview } from '../http/sharing.ts';
import { v7Id } from '../id.ts';
import { hashToken, newToken, tokenKind } from '../token.ts';
import { lockConversation } from './accept.ts';
import { getConversation } from './conversations.ts';
import type { Store } from './database.ts';
import { type IdempotentRequest, once } from './idempotency.ts';
import { admitMember } from './members.ts';

/** Of one conversation at a time. People need one or two; the list of them is not paged. */
export const invitationsMax = 50;

/**
 * Makes an invitation, once per idempotency key; a repeat gets the same token, which is kept nowhere but, sealed, with the
 * key. Throws `conversation_not_found`, `too_many_invitations`, `idempotency_key_reused`.
 */
export async function createInvitation(
  db: Store,
  request: IdempotentRequest,
  conversationId: string,
  { role, expiresInHours }: CreateInvitation,
): Promise<{ invitation: Invitation; token: string }> {
  const { result } = await once(db, request, async (trx) => {
    await lockConversation(trx, conversationId);
    await trx
      .deleteFrom('invitations')
      .where('conversation_id', '=', conversationId)
      .where('expires_at', '<=', sql<Date>`now()`)
      .execute();
    if ((await listInvitations(trx, conversationId)).length >= invitationsMax) {
      throw new AppError('too_many_invitations', {
        detail: `The conversation has ${invitationsMax} invitations, as many as it may have. Revoke one that is not needed.`,
      });
    }
    const token = newToken('hfi');
    const row = await trx
      .insertInto('invitations')
      .values({
        id: v7Id(),
        conversation_id: conversationId,
        token_hash: hashToken(token),
        role,
        created_by: request.userId,
        expires_at: sql`now() + ${expiresInHours} * interval '1 hour'`,
      })
      .returning(invitationColumns)
      .executeTakeFirstOrThrow();
    return { invitation: toInvitation(row), token };
  });
  return result;
}

/** The invitations of a conversation that have not expired, newest first. */
export async function listInvitations(db: Store, conversationId: string): Promise<Invitation[]> {
  const rows = await db
    .selectFrom('invitations')
    .select(invitationColumns)
    .where('conversation_id', '=', conversationId)
    .where('expires_at', '>', sql<Date>`now()`)
    .orderBy('id', 'desc')
    .execute();
  return rows.map(toInvitation);
}

/** From now on nobody can accept it. Throws `invitation_not_found`. */
export async function revokeInvitation(db: Store, conversationId: string, id: string): Promise<void> {
  await db.transaction().execute(async (trx) => {
    // Waits for those who are accepting it.
    await lockConversation(trx, conversationId);
    const revoked = await trx
      .deleteFrom('invitations')
      .where('conversation_id', '=', conversationId)
      .where('id', '=', id)
      .returning('id')
      .executeTakeFirst();
    if (!revoked) throw notFound('invitation');
  });
}

/** What `userId` is invited to. Throws `invitation_not_found`. */
export async function previewInvitation(
  db: Store,
  userId: string,
  token: string,
): Promise<InvitationPreview> {
  const { role, title, invitedBy, expires_at } = await findInvitation(db, userId, token);
  return { role, title, invitedBy, expiresAt: expires_at.toISOString() };
}

/**
 * Makes the user a member, or gives them the role if it is more than they have, and returns the conversation as they see
 * it. Throws `invitation_not_found`, `too_many_members`, `idempotency_key_reused`.
 */
export async function acceptInvitation(
  db: Store,
  request: IdempotentRequest,
  token: string,
): Promise<Conversation> {
  const { userId } = request;
  const { result } = await once(db, request, async (trx) => {
    const { conversation_id: conversationId } = await findInvitation(trx, userId, token);
    await trx
      .selectFrom('conversations')
      .select('id')
      .where('id', '=', conversationId)
      .forUpdate()
      .executeTakeFirst();
    // Again, now that nothing can change: it may have been revoked while we waited.
    const { role } = await findInvitation(trx, userId, token);
    await admitMember(trx, conversationId, userId, role);
    return getConversation(trx, userId, conversationId);
  });
  return result;
}

/**
 * An invitation that holds for this user. One who was removed needs an invitation that was made after that: they may know
 * the older ones. Throws `invitation_not_found`.
 */
async function findInvitation(db: Store, userId: string, token: string) {
  const invitation =
    tokenKind(token) === 'hfi' &&
    (await db
      .selectFrom('invitations')
      .innerJoin('conversations', 'conversations.id', 'invitations.conversation_id')
      .leftJoin('users', 'users.id', 'invitations.created_by')
      .select([
        'invitations.conversation_id',
        'invitations.role',
        'invitations.expires_at',
        'conversations.title',
        'users.name as invitedBy',
      ])
      .where('invitations.token_hash', '=', hashToken(token))
      .where('invitations.expires_at', '>', sql<Date>`now()`)
      .where('conversations.deleted_at', 'is', null)
      .where(({ not, exists, selectFrom }) =>
        not(
          exists(
            selectFrom('removed_members')
              .select('removed_at')
              .whereRef('removed_members.conversation_id', '=', 'invitations.conversation_id')
              .whereRef('removed_members.removed_at', '>=', 'invitations.created_at')
              .where('removed_members.user_id', '=', userId),
          ),
        ),
      )
      .executeTakeFirst());
  if (!invitation) {
    throw new AppError('invitation_not_found', {
      detail: 'This invitation has expired or was revoked. Ask for a new one.',
    });
  }
  return invitation;
}

const invitationColumns = ['id', 'role', 'created_by', 'created_at', 'expires_at'] as const;

function toInvitation(row: {
  id: string;
  role: Invitation['role'];
  created_by: string | null;
  created_at: Date;
  expires_at: Date;
}): Invitation {
  return {
    id: row.id,
    role: row.role,
    createdBy: row.created_by,
    createdAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
  };
}
