/** API keys: how programs of a user show who sends them. */
import { sql } from 'kysely';
import { AppError, notFound } from '../errors.ts';
import type { ApiKeyView } from '../http/accounts.ts';
import { v7Id } from '../id.ts';
import { hashToken, newToken } from '../token.ts';
import type { Store } from './database.ts';
import { lockUser } from './fair-queue.ts';
import { type IdempotentRequest, once } from './idempotency.ts';

/** One per program is many; somebody who makes one per request is told so. */
const apiKeysPerUserMax = 100;

/** Of a key, what lists show: the prefix and as much as tells two keys apart, but opens nothing. */
const hintChars = 'hfk_'.length + 4;

interface ApiKeyRow {
  readonly id: string;
  readonly name: string;
  readonly hint: string;
  readonly created_at: Date;
  readonly last_used_at: Date | null;
}

const toApiKey = (row: ApiKeyRow): ApiKeyView => ({
  id: row.id,
  name: row.name,
  hint: row.hint,
  createdAt: row.created_at.toISOString(),
  lastUsedAt: row.last_used_at?.toISOString() ?? null,
});

/**
 * Makes an API key. A repeat with the same idempotency key gets the same one: stored answers are sealed with that key.
 * Throws `too_many_api_keys`, `idempotency_key_reused`.
 */
export async function createApiKey(
  db: Store,
  request: IdempotentRequest,
  name: string,
): Promise<{ apiKey: ApiKeyView; token: string }> {
  const { userId } = request;
  const { result } = await once(db, request, async (trx) => {
    // Two at once must not both be the last one that fits.
    await lockUser(trx, userId);
    const { count } = await trx
      .selectFrom('api_keys')
      .select((select) => select.fn.countAll<string>().as('count'))
      .where('user_id', '=', userId)
      .executeTakeFirstOrThrow();
    if (Number(count) >= apiKeysPerUserMax) {
      throw new AppError('too_many_api_keys', {
        detail: `You have ${count} API keys, which is as many as you may have. Revoke one first.`,
      });
    }
    const token = newToken('hfk');
    const row = await trx
      .insertInto('api_keys')
      .values({
        id: v7Id(),
        user_id: userId,
        name,
        token_hash: hashToken(token),
        hint: token.slice(0, hintChars),
      })
      .returning(['id', 'name', 'hint', 'created_at', 'last_used_at'])
      .executeTakeFirstOrThrow();
    return { apiKey: toApiKey(row), token };
  });
  return result;
}

/** The API keys of a user, newest first. */
export async function listApiKeys(db: Store, userId: string): Promise<ApiKeyView[]> {
  const rows = await db
    .selectFrom('api_keys')
    .select(['id', 'name', 'hint', 'created_at', 'last_used_at'])
    .where('user_id', '=', userId)
    .orderBy(sql`created_at desc, id desc`)
    .execute();
  return rows.map(toApiKey);
}

/** Revokes an API key of a user. Throws `api_key_not_found`. */
export async function revokeApiKey(db: Store, userId: string, apiKeyId: string): Promise<void> {
  const revoked = await db
    .deleteFrom('api_keys')
    .where('id', '=', apiKeyId)
    .where('user_id', '=', userId)
    .returning('id')
    .executeTakeFirst();
  if (!revoked) throw notFound('api_key');
}
