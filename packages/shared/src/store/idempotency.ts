import { createHash } from 'node:crypto';
import { sql, type Transaction } from 'kysely';
import { AppError } from '../errors.ts';
import type { Store } from './database.ts';
import type { Database } from './schema.ts';

/** What makes a request the same one: who asks, under which key, and for what. */
export interface IdempotentRequest {
  readonly userId: string;
  /** The Idempotency-Key; undefined: the client did not ask for it, and every request counts. */
  readonly key: string | undefined;
  /** Method, route and validated body: a key that comes back with another of these is a mistake of the client. */
  readonly fingerprint: unknown;
}

/**
 * Runs `work` once per key, in one transaction with the key itself: a crash leaves both or neither, and a repeat waits
 * until the first one is decided. Returns what the first one returned (as JSON). Throws `idempotency_key_reused`.
 *
 * A `work` that throws leaves no trace, so that the same key can be tried again.
 */
export async function once<T>(
  db: Store,
  request: IdempotentRequest,
  work: (trx: Transaction<Database>) => Promise<T>,
): Promise<{ result: T; repeated: boolean }> {
  const { userId, key } = request;
  const requestHash = createHash('sha256').update(JSON.stringify(request.fingerprint)).digest('hex');

  return db.transaction().execute(async (trx) => {
    if (key === undefined) return { result: await work(trx), repeated: false };

    // Waits for a concurrent holder of the same key: when that one commits, this inserts nothing.
    const claimed = await trx
      .insertInto('idempotency_keys')
      .values({ user_id: userId, key, request_hash: requestHash, response: 'null' })
      .onConflict((conflict) => conflict.doNothing())
      .returning('key')
      .executeTakeFirst();

    if (!claimed) {
      const first = await trx
        .selectFrom('idempotency_keys')
        .select(['request_hash', 'response'])
        .where('user_id', '=', userId)
        .where('key', '=', key)
        .executeTakeFirstOrThrow();
      if (first.request_hash !== requestHash) {
        throw new AppError('idempotency_key_reused', {
          detail: 'This Idempotency-Key came with another request before. Use a new key for a new request.',
        });
      }
      return { result: first.response as T, repeated: true };
    }

    const result = await work(trx);
    await trx
      .updateTable('idempotency_keys')
      .set({ response: JSON.stringify(result) })
      .where('user_id', '=', userId)
      .where('key', '=', key)
      .execute();
    return { result, repeated: false };
  });
}

/** Long enough for a client that was offline over a weekend; after it the table forgets the key. */
const keyLifeHours = 72;

/** Removes keys that no client will repeat any more, so that the table stays as small as the traffic of three days. */
export async function forgetOldKeys(db: Store): Promise<void> {
  await sql`delete from idempotency_keys where created_at < now() - ${keyLifeHours} * interval '1 hour'`.execute(
    db,
  );
}
