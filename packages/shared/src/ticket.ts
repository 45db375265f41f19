/**
 * A ticket lets its holder follow one run for ten minutes, as one user. It stands in an address, where logs, histories
 * and proxies see it; so it opens nothing else and soon nothing at all. Nothing is stored: it is
 *
 *   hft_ + base64url( user id, 16 bytes · expiry in ms, 6 bytes · HMAC-SHA256 of run id, user id and expiry, 32 bytes )
 *
 * The run is not in it: it is the one in the path, or the code does not match.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

/** Long enough to reconnect with it over some tunnels, short enough for an address. */
export const ticketLifeMs = 10 * 60_000;

const idBytes = 16;
const expiryBytes = 6;
const macBytes = 32;

const ticketPattern = /^hft_([A-Za-z0-9_-]{72})$/;

const idToBytes = (id: string): Buffer => Buffer.from(id.replaceAll('-', ''), 'hex');

function bytesToId(bytes: Buffer): string {
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function macOf(secret: Buffer, runId: string, head: Buffer): Buffer {
  return createHmac('sha256', secret).update('ticket').update(idToBytes(runId)).update(head).digest();
}

/** A ticket for `userId` to follow `runId` until `expiresAt` (milliseconds since 1970). */
export function formatTicket(secret: Buffer, userId: string, runId: string, expiresAt: number): string {
  const expiry = Buffer.alloc(expiryBytes);
  expiry.writeUIntBE(expiresAt, 0, expiryBytes);
  const head = Buffer.concat([idToBytes(userId), expiry]);
  return `hft_${Buffer.concat([head, macOf(secret, runId, head)]).toString('base64url')}`;
}

/** The user that a ticket for `runId` was made for. Null: it is none, is for another run, or has expired. */
export function readTicket(secret: Buffer, ticket: string, runId: string, now: number): string | null {
  const bytes = Buffer.from(ticketPattern.exec(ticket)?.[1] ?? '', 'base64url');
  if (bytes.length !== idBytes + expiryBytes + macBytes) return null;
  const head = bytes.subarray(0, idBytes + expiryBytes);
  if (!timingSafeEqual(macOf(secret, runId, head), bytes.subarray(head.length))) return null;
  if (head.readUIntBE(idBytes, expiryBytes) <= now) return null;
  return bytesToId(head.subarray(0, idBytes));
}
