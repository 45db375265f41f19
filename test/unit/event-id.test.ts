import {
  compareEventIds,
  type EventId,
  formatEventId,
  isNextEventId,
  parseEventId,
} from '@holdfast/shared/protocol/event-id.ts';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

const eventId = fc.record({
  attempt: fc.integer({ min: 1, max: 999_999_999 }),
  seq: fc.integer({ min: 0, max: 999_999_999 }),
});
const nearId = fc.record({ attempt: fc.integer({ min: 1, max: 4 }), seq: fc.nat(4) });

describe('an event id', () => {
  it('survives being written and read', () => {
    fc.assert(
      fc.property(eventId, (id) => {
        expect(parseEventId(formatEventId(id))).toEqual(id);
      }),
      { seed: 1, numRuns: 1_000 },
    );
  });

  it.each([
    ['nothing', ''],
    ['a megabyte', '1'.repeat(1_000_000)],
    ['a megabyte after a good beginning', `1-1${'0'.repeat(1_000_000)}`],
    ['NUL', '1-1\u0000'],
    ['NUL before', '\u00001-1'],
    ['a line end after', '1-1\n'],
    ['CR LF in the middle', '1\r\n-1'],
    ['a forged header', '1-1\r\nid: 9-9'],
    ['a negative number', '-1'],
    ['a negative place', '1--1'],
    ["Redis' newest", '$'],
    ["Redis' last", '+'],
    ["Redis' new ones", '>'],
    ["Redis' first", '-'],
    ['a range', '(1-1'],
    ['a wildcard', '*'],
    ['a wildcard place', '1-*'],
    ['three parts', '1-2-3'],
    ['no place', '1-'],
    ['no attempt', '-1'],
    ['only an attempt', '1'],
    ['attempt 0', '0-1'],
    ['2^64', '18446744073709551616-0'],
    ['2^64 as a place', '1-18446744073709551616'],
    ['ten digits', '1-1000000000'],
    ['leading zeros', '1-01'],
    ['a leading zero in the attempt', '01-1'],
    ['an exponent', '1e3-1'],
    ['hexadecimal', '0x1-1'],
    ['a fraction', '1.0-1'],
    ['spaces around', ' 1-1 '],
    ['Arabic digits', '١-٢'],
    ['full-width digits', '１-１'],
    ['a non-ASCII dash', '1–1'],
    ['a byte order mark', '\ufeff1-1'],
    ['an array of headers, joined', '1-1, 1-2'],
    ['a word', 'null'],
    ['an emoji', '👋'],
  ])('is not: %s', (_name, text) => {
    expect(parseEventId(text)).toBeNull();
  });

  it('is read only in the one spelling that this server writes', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ unit: 'binary', maxLength: 12 }), fc.stringMatching(/^[0-9-]{1,14}$/)),
        (text) => {
          const id = parseEventId(text);
          if (id) expect(formatEventId(id)).toBe(text);
        },
      ),
      { seed: 2, numRuns: 500, examples: [['1-1'], ['999999999-999999999']] },
    );
  });

  it('is followed by the next place of its attempt or the opening of a later one, and by nothing else', () => {
    const follows = (a: EventId, b: EventId): boolean =>
      (b.attempt === a.attempt && b.seq === a.seq + 1) || (b.attempt > a.attempt && b.seq === 0);
    fc.assert(
      fc.property(nearId, nearId, (a, b) => {
        expect(isNextEventId(a, b)).toBe(follows(a, b));
        if (isNextEventId(a, b)) expect(compareEventIds(a, b)).toBeLessThan(0);
      }),
      { seed: 3, numRuns: 1_000 },
    );
  });

  it('is ordered by attempt first, then by place', () => {
    fc.assert(
      fc.property(eventId, eventId, (a, b) => {
        const pad = (id: EventId) => `${id.attempt}`.padStart(9, '0') + `${id.seq}`.padStart(9, '0');
        const expected = pad(a) < pad(b) ? -1 : pad(a) > pad(b) ? 1 : 0;
        expect(Math.sign(compareEventIds(a, b))).toBe(expected);
        expect(compareEventIds(a, a)).toBe(0);
      }),
      { seed: 4, numRuns: 1_000 },
    );
  });
});
