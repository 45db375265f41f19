/** 128 bits: two keys never meet by chance. */
const keyBytes = 16;

/**
 * A new Idempotency-Key, 32 hexadecimal digits. Make one for each message that somebody means to send, and keep it
 * over every retry. (Not crypto.randomUUID: browsers withhold it from pages served over plain HTTP.)
 */
export function newIdempotencyKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(keyBytes)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}
