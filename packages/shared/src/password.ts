/**
 * Passwords, hashed with Argon2id (RFC 9106) and kept in PHC string format: parameters and salt stand with the hash, so
 * that they can be raised later without a migration.
 */
import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { AppError } from './errors.ts';

/** What one hash costs. OWASP's password storage cheat sheet names these as the least for Argon2id. */
export interface HashCost {
  readonly memoryKib: number;
  readonly passes: number;
  readonly parallelism: number;
}

export const hashCost: HashCost = { memoryKib: 19 * 1024, passes: 2, parallelism: 1 };

/** RFC 9106, section 3.1: 16 bytes of salt and 32 of hash are recommended for passwords. */
const saltBytes = 16;
const hashBytes = 32;

/**
 * Hashes of one process at a time. Each takes 19 MiB, and one of the four threads that Node also reads files and looks
 * up names with.
 */
const concurrentHashesMax = 2;

/** Hashes that may wait: at some 30 ms each, about a second and a half. Beyond it the answer would come too late anyway. */
const waitingHashesMax = 100;

const derive = promisify(argon2);

/** The same password is typed with different code points on different machines: é is one of them, or two. */
function passwordBytes(password: string): Buffer {
  return Buffer.from(password.normalize('NFC'), 'utf8');
}

interface StoredHash {
  readonly cost: HashCost;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

const unpadded = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '');

function formatPhc({ cost: { memoryKib, passes, parallelism }, salt, hash }: StoredHash): string {
  return `$argon2id$v=19$m=${memoryKib},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(hash)}`;
}

const phcPattern =
  /^\$argon2id\$v=19\$m=(\d{1,8}),t=(\d{1,4}),p=(\d{1,3})\$([A-Za-z0-9+/]{11,86})\$([A-Za-z0-9+/]{16,86})$/;

/** Throws for what `hash` cannot have made: a row like that is a fault of ours, and nobody may log in with it. */
function parsePhc(text: string): StoredHash {
  const [, m, t, p, salt = '', hash = ''] = phcPattern.exec(text) ?? [];
  if (m === undefined) throw new Error('a stored password hash is not in PHC format');
  return {
    cost: { memoryKib: Number(m), passes: Number(t), parallelism: Number(p) },
    salt: Buffer.from(salt, 'base64'),
    hash: Buffer.from(hash, 'base64'),
  };
}

export interface Passwords {
  /** The hash to store. Throws `overloaded` when too many wait. */
  hash(password: string): Promise<string>;
  /**
   * Whether this is the password behind a stored hash. `stored` null (no such account, or none with a password): costs
   * the same time, and is false. Throws `overloaded`.
   */
  verify(password: string, stored: string | null): Promise<boolean>;
  /** Whether a stored hash was made at another cost than today's, and ought to be made again. */
  isOutdated(stored: string): boolean;
}

/** One for each process: it bounds how many hashes are computed at a time. */
export function createPasswords(cost: HashCost = hashCost): Passwords {
  let computing = 0;
  const waiting: (() => void)[] = [];

  async function compute(
    password: string,
    { cost: { memoryKib, passes, parallelism }, salt, hash }: StoredHash,
  ) {
    if (computing < concurrentHashesMax) computing++;
    else if (waiting.length >= waitingHashesMax) {
      throw new AppError('overloaded', {
        detail: 'Too many people are logging in at this moment. Try again.',
        retryAfterSeconds: 2,
      });
    } else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await derive('argon2id', {
        message: passwordBytes(password),
        nonce: salt,
        memory: memoryKib,
        passes,
        parallelism,
        tagLength: hash.length,
      });
    } finally {
      // The place goes to the one who has waited longest, or is free.
      const next = waiting.shift();
      if (next) next();
      else computing--;
    }
  }

  /** Nobody has the password of this one. */
  const nobody: StoredHash = { cost, salt: randomBytes(saltBytes), hash: randomBytes(hashBytes) };

  return {
    async hash(password) {
      const fresh: StoredHash = { cost, salt: randomBytes(saltBytes), hash: Buffer.alloc(hashBytes) };
      return formatPhc({ ...fresh, hash: await compute(password, fresh) });
    },
    async verify(password, stored) {
      const expected = stored === null ? nobody : parsePhc(stored);
      const isSame = timingSafeEqual(await compute(password, expected), expected.hash);
      return isSame && stored !== null;
    },
    isOutdated(stored) {
      const { memoryKib, passes, parallelism } = parsePhc(stored).cost;
      return memoryKib !== cost.memoryKib || passes !== cost.passes || parallelism !== cost.parallelism;
    },
  };
}
