/** What the user's answers have cost can be read by day and model. */
import type { UsageReport } from '@holdfast/shared/http/usage.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call } from '../support/ask.ts';
import { firstUrl } from '../support/inspect.ts';
import { as, makePerson } from '../support/people.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let base: string;
beforeAll(async () => {
  stack = await startStack({ workers: 0 });
  base = firstUrl(stack);
});
afterAll(() => stack.stop());

describe('GET /api/me/usage', () => {
  const today = () => new Date().toISOString().slice(0, 10);

  it('adds up attempts by day and model, of this user only, also those of deleted conversations', async () => {
    const person = await makePerson(stack, 'Spends');
    const other = await makePerson(stack, 'Another');
    const rows: [string, string, string, number, string, number, number, boolean][] = [
      [person.id, '11111111-1111-7111-8111-111111111111', 'small', 1, '2026-02-27T23:59:59Z', 10, 1, false],
      [person.id, '22222222-2222-7222-8222-222222222222', 'small', 1, '2026-02-28T00:00:00Z', 20, 2, false],
      [person.id, '22222222-2222-7222-8222-222222222222', 'small', 2, '2026-02-28T12:00:00Z', 40, 4, true],
      [person.id, '33333333-3333-7333-8333-333333333333', 'large', 1, '2026-02-28T23:59:59Z', 80, 8, false],
      [
        person.id,
        '44444444-4444-7444-8444-444444444444',
        'small',
        1,
        '2026-03-01T00:00:00Z',
        2e9,
        2e9,
        false,
      ],
      [
        person.id,
        '55555555-5555-7555-8555-555555555555',
        'small',
        1,
        '2026-03-01T23:59:59Z',
        2e9,
        2e9,
        false,
      ],
      [person.id, '66666666-6666-7666-8666-666666666666', 'small', 1, '2026-03-02T00:00:00Z', 1, 1, false],
      [other.id, '77777777-7777-7777-8777-777777777777', 'small', 1, '2026-02-28T12:00:00Z', 999, 999, false],
    ];
    for (const row of rows) {
      await stack.db.query(
        `insert into run_attempts
           (user_id, run_id, model, attempt, ended_at, input_tokens, output_tokens, estimated, worker_id, outcome)
         values ($1, $2, $3, $4, $5, $6, $7, $8, 'test', 'completed')`,
        row,
      );
    }
    const path = '/api/me/usage?from=2026-02-28&to=2026-03-01';
    const { status, body } = await as<UsageReport>(person, base, 'GET', path);
    expect(status).toBe(200);
    expect(body.days).toEqual([
      {
        date: '2026-02-28',
        models: [
          { model: 'large', runs: 1, attempts: 1, inputTokens: 80, outputTokens: 8, estimated: false },
          { model: 'small', runs: 1, attempts: 2, inputTokens: 60, outputTokens: 6, estimated: true },
        ],
      },
      {
        date: '2026-03-01',
        models: [
          { model: 'small', runs: 2, attempts: 2, inputTokens: 4e9, outputTokens: 4e9, estimated: false },
        ],
      },
    ]);
  });

  it('shows the last 30 days when none are named, and what today has cost and set aside', async () => {
    const person = await makePerson(stack, 'Curious');
    const insert = (daysAgo: number, tokens: number) =>
      stack.db.query(
        `insert into run_attempts
           (user_id, run_id, model, attempt, ended_at, input_tokens, worker_id, outcome)
         values ($1, gen_random_uuid(), 'any', 1,
           date_trunc('day', now(), 'UTC') - $2 * interval '1 day', $3, 'test', 'completed')`,
        [person.id, daysAgo, tokens],
      );
    for (const daysAgo of [0, 29, 30]) await insert(daysAgo, 100 + daysAgo);
    const { body } = await as<UsageReport>(person, base, 'GET', '/api/me/usage');
    expect(body.days.flatMap(({ models }) => models.map((each) => each.inputTokens))).toEqual([129, 100]);
    expect(body.days.at(-1)?.date).toBe(today());
    expect(body.limit).toEqual({ tokensPerDay: null, usedToday: 100, reserved: 0 });
  });

  it('refuses what is no period of 1 to 366 days', async () => {
    const queries = [
      'from=2026-02-30',
      'from=yesterday',
      'from=2026-02-02&to=2026-02-01',
      'from=2025-01-01&to=2026-01-02',
      'from=9999-12-31',
      'from=0001-01-01&to=0001-01-02',
      'days=3',
    ];
    for (const query of queries) {
      const { status, body } = await call<{ code: string }>(base, 'GET', `/api/me/usage?${query}`);
      expect([query, status, body.code]).toEqual([query, 400, 'invalid_request']);
    }
    expect((await call(base, 'GET', '/api/me/usage?from=2024-01-01&to=2024-12-31')).status).toBe(200);
  });
});
