import { randomUUIDv7 } from 'node:crypto';

/**
 * A new id: UUID version 7 (RFC 9562), in the order of creation and with 74 random bits, so that it can be neither
 * guessed nor counted.
 */
export function v7Id(): string {
  return randomUUIDv7();
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether a string can be an id at all. Asked before SQL, where a malformed uuid is an error of the server's. */
export function isId(text: string): boolean {
  return uuidPattern.test(text);
}
