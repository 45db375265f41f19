import { randomBytes } from 'node:crypto';
import { v7Id } from '@holdfast/shared/id.ts';
import { formatTicket, readTicket, ticketLifeMs } from '@holdfast/shared/ticket.ts';
import { describe, expect, it } from 'vitest';

const secret = randomBytes(32);
const [user, run] = [v7Id(), v7Id()];
const now = 1_800_000_000_000;
const ticket = formatTicket(secret, user, run, now + ticketLifeMs);

describe('a ticket', () => {
  it('names its user for its own run, for ten minutes', () => {
    expect(ticketLifeMs).toBe(600_000);
    expect(readTicket(secret, ticket, run, now)).toBe(user);
    expect(readTicket(secret, ticket, run.toUpperCase(), now)).toBe(user);
    expect(readTicket(secret, ticket, run, now + ticketLifeMs - 1)).toBe(user);
    expect(readTicket(secret, ticket, run, now + ticketLifeMs)).toBeNull();
  });

  it('is good for no other run, and under no other secret', () => {
    expect(readTicket(secret, ticket, v7Id(), now)).toBeNull();
    expect(readTicket(randomBytes(32), ticket, run, now)).toBeNull();
  });

  it('holds no longer when any part of it is changed', () => {
    const bytes = Buffer.from(ticket.slice(4), 'base64url');
    for (let index = 0; index < bytes.length; index++) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8((changed[index] ?? 0) ^ 1, index);
      expect(readTicket(secret, `hft_${changed.toString('base64url')}`, run, now), String(index)).toBeNull();
    }
  });

  it.each([
    '',
    'hft_',
    ticket.slice(0, -1),
    `${ticket}A`,
    ticket.slice(4),
    ticket.replace('hft', 'hfk'),
    ` ${ticket}`,
  ])('is not "%s"', (text) => expect(readTicket(secret, text, run, now)).toBeNull());
});
