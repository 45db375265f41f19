/**
 * Idempotency keys: what a request with a key was answered, to answer its repeats alike.
 *
 * What is stored is sealed with the client's key, which is not stored itself: only who has the key can read the answer
 * again. So answers may hold what is shown only once (the token of an API key), and this table tells nobody what others
 * have asked. That is as strong as the key is hard to guess, which is why clients are told to use a random one.
 */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { sql, type Transaction } from 'kysely';
import { AppError } from '../errors.ts';
import type { Store } from './database.ts';
import { planKept } from './kept-plans.ts';
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
  const { userId } = request;
  return db.transaction().execute(async (trx) => {
    if (request.key === undefined) return { result: await work(trx), repeated: false };
    const { name, requestHash, sealingKey } = derive(request, request.key);

    // Waits for a concurrent holder of the same key: when that one commits, this inserts nothing.
    const claimed = await trx
      .insertInto('idempotency_keys')
      .values({ user_id: userId, key: name, request_hash: requestHash, response: 'null' })
      .onConflict((conflict) => conflict.doNothing())
      .returning('key')
      .executeTakeFirst();
    if (!claimed) {
      const first = await trx
        .selectFrom('idempotency_keys')
        .select(['request_hash', 'response'])
        .where('user_id', '=', userId)
        .where('key', '=', name)
        .executeTakeFirstOrThrow();
      assertSameRequest(first.request_hash, requestHash);
      return { result: JSON.parse(unseal(sealingKey, String(first.response))) as T, repeated: true };
    }

    const result = await work(trx);
    await trx
      .updateTable('idempotency_keys')
      .set({ response: JSON.stringify(seal(sealingKey, JSON.stringify(result))) })
      .where('user_id', '=', userId)
      .where('key', '=', name)
      .execute();
    return { result, repeated: false };
  });
}

/**
 * Whether this request was answered before, so that its repeat gets that answer whatever a new request would get. A first
 * one that is under way counts as new. Throws `idempotency_key_reused`.
 */
export async function isRepeat(db: Store, request: IdempotentRequest): Promise<boolean> {
  if (request.key === undefined) return false;
  const { name, requestHash } = derive(request, request.key);
  const first = await db
    .selectFrom('idempotency_keys')
    .select('request_hash')
    .where('user_id', '=', request.userId)
    .where('key', '=', name)
    .executeTakeFirst();
  if (first) assertSameRequest(first.request_hash, requestHash);
  return first !== undefined;
}

/** A request with a key, and what is stored of its answer. */
export interface KeyedAnswer {
  readonly userId: string;
  readonly name: string;
  readonly requestHash: string;
  sealed(result: unknown): string;
}

/** For requests that are stored with others (accept-groups.ts); null: there is no key. */
export function keyedAnswer(request: IdempotentRequest): KeyedAnswer | null {
  if (request.key === undefined) return null;
  const { name, requestHash, sealingKey } = derive(request, request.key);
  const sealed = (result: unknown) => JSON.stringify(seal(sealingKey, JSON.stringify(result)));
  return { userId: request.userId, name, requestHash, sealed };
}

/** Stores what requests were answered whose keys were stored in the same transaction. */
export async function storeAnswers(
  trx: Store,
  answers: readonly { key: KeyedAnswer; result: unknown }[],
): Promise<void> {
  if (answers.length === 0) return;
  await sql`${planKept}
    update idempotency_keys set response = given.response::jsonb
    from unnest(${answers.map(({ key }) => key.userId)}::uuid[], ${answers.map(({ key }) => key.name)}::text[],
                ${answers.map(({ key, result }) => key.sealed(result))}::text[]) as given (user_id, key, response)
    where idempotency_keys.user_id = given.user_id and idempotency_keys.key = given.key`.execute(trx);
}

function assertSameRequest(first: string, now: string): void {
  if (first === now) return;
  throw new AppError('idempotency_key_reused', {
    detail: 'This Idempotency-Key came with another request before. Use a new key for a new request.',
  });
}

const derivedBytes = 32;

/** What is made of a key, by HKDF (RFC 5869): each part tells nothing of the others. */
function derive(
  { userId, fingerprint }: IdempotentRequest,
  key: string,
): { name: string; requestHash: string; sealingKey: Buffer } {
  const derived = Buffer.from(hkdfSync('sha256', key, userId, 'holdfast idempotency key', 3 * derivedBytes));
  const part = (n: number) => derived.subarray(n * derivedBytes, (n + 1) * derivedBytes);
  return {
    name: part(0).toString('hex'),
    // A plain hash would let a reader of the table try out what somebody may have asked.
    requestHash: createHmac('sha256', part(1)).update(JSON.stringify(fingerprint)).digest('hex'),
    sealingKey: part(2),
  };
}

/** AES-256-GCM with a random nonce of 96 bits (NIST SP 800-38D, 8.2.2): nonce, tag and text, as base64. */
const nonceBytes = 12;
const tagBytes = 16;

function seal(sealingKey: Buffer, text: string): string {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv('aes-256-gcm', sealingKey, nonce);
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64');
}

function unseal(sealingKey: Buffer, text: string): string {
  const bytes = Buffer.from(text, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', sealingKey, bytes.subarray(0, nonceBytes), {
    authTagLength: tagBytes,
  });
  decipher.setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
  return decipher.update(bytes.subarray(nonceBytes + tagBytes)).toString('utf8') + decipher.final('utf8');
}

/** Long enough for a client that was offline over a weekend; after it the table forgets the key. */
const keyLifeHours = 72;

/** Removes keys that no client will repeat any more, so that the table stays as small as the traffic of three days. */
export async function forgetOldKeys(db: Store): Promise<void> {
  await sql`delete from idempotency_keys where created_at < now() - ${keyLifeHours} * interval '1 hour'`.execute(
    db,
  );
}
