import { cursorRunsMax, formatFeedCursor, parseFeedCursor } from '@holdfast/shared/sync/feed-cursor.ts';
import fc from 'fast-check';
import { expect, it } from 'vitest';

const runId = (n: number) => `01999999-0000-7000-8000-${String(n).padStart(12, '0')}`;

it('what is written is read again', () => {
  const runs = new Map([
    [runId(1), { attempt: 1, seq: 17 }],
    [runId(2), { attempt: 3, seq: 0 }],
  ]);
  for (const cursor of [
    { seq: 0, runs: new Map() },
    { seq: 42, runs },
  ]) {
    expect(parseFeedCursor(formatFeedCursor(cursor))).toEqual(cursor);
  }
  expect(formatFeedCursor({ seq: 42, runs })).toBe(`42~${runId(1)}.1-17~${runId(2)}.3-0`);
});

it('of too many runs those that came last are named, and the longest cursor is what PROTOCOL.md says at most', () => {
  const runs = new Map(
    Array.from({ length: 30 }, (_, n) => [runId(n), { attempt: 999_999_999, seq: 999_999_999 }]),
  );
  const text = formatFeedCursor({ seq: 999_999_999_999_999, runs });
  expect(text.length).toBeLessThan(2_000);
  expect([...(parseFeedCursor(text)?.runs.keys() ?? [])]).toEqual([...runs.keys()].slice(-cursorRunsMax));
});

it.each([
  '',
  ' 42',
  '042',
  '-1',
  '4.2',
  '1e3',
  '9999999999999999',
  '42~',
  '42~~',
  `42~${runId(1)}`,
  `42~${runId(1)}.`,
  `42~${runId(1)}.1-01`,
  `42~${runId(1)}.1-1.`,
  `42~${runId(1)}.1-1~${runId(1)}.1-2`,
  '42~not-an-id.1-1',
  `42${`~${runId(1)}.1-1`.repeat(21)}`,
  `42\n`,
])('%j is no cursor', (text) => {
  expect(parseFeedCursor(text)).toBeNull();
});

const place = fc.record({
  attempt: fc.integer({ min: 1, max: 999_999_999 }),
  seq: fc.integer({ min: 0, max: 999_999_999 }),
});
const cursor = fc.record({
  seq: fc.integer({ min: 0, max: 999_999_999_999_999 }),
  runs: fc
    .array(fc.tuple(fc.uuid(), place), { maxLength: cursorRunsMax })
    .map((runs) => new Map<string, { attempt: number; seq: number }>(runs)),
});

it('every cursor survives being written and read', () => {
  fc.assert(
    fc.property(cursor, (one) => {
      expect(parseFeedCursor(formatFeedCursor(one))).toEqual(one);
    }),
    { seed: 1, numRuns: 100 },
  );
});

it('one that is spoilt anywhere is no cursor, or another one: it is read only in the one spelling that this server writes', () => {
  const spoilt = fc
    .tuple(cursor, fc.nat(), fc.nat(3), fc.string({ unit: 'binary', maxLength: 3 }))
    .map(([one, at, length, by]) => {
      const text = formatFeedCursor(one);
      const from = at % (text.length + 1);
      return text.slice(0, from) + by + text.slice(from + length);
    });
  fc.assert(
    fc.property(
      fc.oneof(
        spoilt,
        fc.string({ unit: 'binary', maxLength: 60 }),
        fc.stringMatching(/^[0-9a-f~.-]{0,90}$/),
      ),
      (text) => {
        const read = parseFeedCursor(text);
        // Ids are hexadecimal, and in either case the same.
        if (read) expect(formatFeedCursor(read)).toBe(text.toLowerCase());
      },
    ),
    { seed: 2, numRuns: 300 },
  );
});
