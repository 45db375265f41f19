/**
 * A provider that fails in every way that providers do: what passes is retried, what does not is told, in our words.
 *
 * This file is longer than 250 lines because every kind of failure is tried on one stack, and no secret may be left after
 * all of them.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type FailureCode, failures } from '@holdfast/shared/protocol/error-code.ts';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { Directive } from '../../packages/stand-in/src/directive.ts';
import { errorCanary } from '../../packages/stand-in/src/provider-error.ts';
import { scriptedText } from '../../packages/stand-in/src/script.ts';
import { ask, createConversation, getRun, question } from '../support/ask.ts';
import {
  allEnd,
  expectOneEnd,
  firstUrl,
  type LogEntry,
  patience,
  type StoredRun,
  watch,
} from '../support/inspect.ts';
import type { RunRecord } from '../support/run-record.ts';
import { type Stack, startStack } from '../support/stack.ts';

const retriesMax = 2;

let stack: Stack;
let base: string;
beforeAll(async () => {
  stack = await startStack({ env: { UPSTREAM_IDLE_MS: '1500', UPSTREAM_RETRIES: String(retriesMax) } });
  base = firstUrl(stack);
});
afterAll(() => stack.stop());

interface Answered {
  readonly record: RunRecord;
  readonly stored: StoredRun;
  readonly log: readonly LogEntry[];
  readonly text: string;
  readonly requests: number;
}

/** Asks, follows the run to its end and checks that the end is one. */
async function answered(directive: Directive & { key: string }): Promise<Answered> {
  const { run } = await ask(base, question(directive));
  const [record] = await allEnd(watch([base], run));
  const { stored, log, message } = await expectOneEnd(stack, run, [record]);
  const requests = stack.upstream.journal().filter((entry) => entry.key === directive.key).length;
  return { record: record, stored, log, text: message.text, requests };
}

/** A worker that did nothing else for longer than this would have lost its lease, and its other runs with it. */
async function expectNotBlocked(key: string): Promise<void> {
  const asked = stack.upstream.journal().find((entry) => entry.key === key);
  const { rows } = await stack.db.query(
    'select max(finished_at) as at from runs where id in (select run_id from messages where parent_id in (select id from messages where text like $1))',
    [`%"${key}"%`],
  );
  expect((rows[0].at as Date).getTime() - (asked?.at ?? 0)).toBeLessThan(2_000);
}

const whole = (directive: Directive): string => scriptedText(directive).join('');

// One at a time they would mostly wait for each other's retries.
describe.concurrent('a failure that may pass', () => {
  const passing: { name: string; fault: Directive & { times: number } }[] = [
    { name: '429 with Retry-After', fault: { status: 429, retryAfter: 1, times: 1 } },
    { name: '429 without', fault: { status: 429, times: 1 } },
    { name: '500 twice', fault: { status: 500, times: 2 } },
    { name: '502 with a page of HTML', fault: { status: 502, times: 1 } },
    { name: '503', fault: { status: 503, times: 1 } },
    { name: '408', fault: { status: 408, times: 1 } },
    { name: 'a connection that is cut in mid-answer', fault: { fault: 'cut', times: 1 } },
    { name: 'a connection that is cut before the first word', fault: { fault: 'cut', atDelta: 0, times: 1 } },
    { name: 'an error frame in mid-answer', fault: { fault: 'errorFrame', times: 1 } },
    { name: 'half a JSON object in mid-answer', fault: { fault: 'badJson', times: 1 } },
    { name: 'an end without a finish_reason', fault: { fault: 'noFinish', times: 1 } },
    {
      name: 'an end without a finish_reason after the last word',
      fault: { fault: 'noFinish', atDelta: 20, times: 1 },
    },
    { name: 'silence in mid-answer', fault: { fault: 'stall', times: 1 } },
    { name: 'silence twice', fault: { fault: 'stall', atDelta: 3, times: 2 } },
  ];
  it.for(passing)('$name: the answer is asked for anew and comes whole', async ({ name, fault }) => {
    const directive = { deltas: 20, seed: 70, key: `passing: ${name}`, ...fault };
    const { stored, log, text, requests, record } = await answered(directive);
    expect(text).toBe(whole(directive));
    expect(stored).toMatchObject({
      status: 'completed',
      attempt: fault.times + 1,
      retries: fault.times,
      crashes: 0,
      finish_reason: 'stop',
      usage: { estimated: false, outputTokens: 20 },
    });
    expect(requests).toBe(fault.times + 1);
    // Readers are told of every new attempt, by a snapshot that clears what the last one wrote.
    const openings = log
      .filter((entry) => entry.seq === 0)
      .map((entry) => [entry.id, entry.type, entry.data.text]);
    const snapshots = Array.from({ length: fault.times }, (_, index) => [`${index + 2}-0`, 'snapshot', '']);
    expect(openings).toEqual([['1-0', 'started', undefined], ...snapshots]);
    expect(record.connections).toHaveLength(1);
  });
});

describe.concurrent('a failure that stays', () => {
  const lasting: { name: string; fault: Directive; code: FailureCode; times?: number }[] = [
    { name: '500', fault: { status: 500 }, code: 'upstream_unavailable' },
    { name: '429', fault: { status: 429 }, code: 'upstream_rate_limited' },
    { name: 'a cut', fault: { fault: 'cut' }, code: 'upstream_interrupted' },
    { name: 'half a JSON object', fault: { fault: 'badJson' }, code: 'upstream_invalid' },
    { name: 'a missing finish_reason', fault: { fault: 'noFinish' }, code: 'upstream_interrupted' },
    { name: 'silence', fault: { fault: 'stall' }, code: 'upstream_idle' },
    {
      name: 'a wait that is longer than anybody waits',
      fault: { status: 429, retryAfter: 3_600 },
      code: 'upstream_rate_limited',
      times: 1,
    },
    { name: '401', fault: { status: 401 }, code: 'upstream_auth', times: 1 },
    { name: '403', fault: { status: 403 }, code: 'upstream_auth', times: 1 },
    { name: '404', fault: { status: 404 }, code: 'upstream_not_found', times: 1 },
    { name: 'a conversation that is too long', fault: { status: 400 }, code: 'context_too_long', times: 1 },
    {
      name: 'a refused question',
      fault: { status: 400, code: 'content_policy_violation' },
      code: 'content_refused',
      times: 1,
    },
    {
      name: 'any other 400',
      fault: { status: 400, code: 'something_else' },
      code: 'upstream_rejected',
      times: 1,
    },
    {
      name: 'an account without credit',
      fault: { status: 429, code: 'insufficient_quota' },
      code: 'upstream_quota',
      times: 1,
    },
  ];
  it.for(lasting)('$name: the run fails as $code, in words of ours', async ({ name, fault, code, times }) => {
    const requestsDue = times ?? retriesMax + 1;
    const directive = { deltas: 20, seed: 71, key: `lasting: ${name}`, ...fault };
    const { stored, text, requests, record } = await answered(directive);
    expect(stored).toMatchObject({
      status: 'failed',
      failure_code: code,
      retries: requestsDue - 1,
      crashes: 0,
    });
    expect(requests).toBe(requestsDue);
    expect(record.terminal?.data).toMatchObject({ code, message: failures[code] });
    const kept = fault.fault ? scriptedText(directive).slice(0, 10).join('') : '';
    expect(text).toBe(kept);
    // What was written was also paid for.
    expect(stored.usage).toEqual(kept === '' ? null : expect.objectContaining({ estimated: true }));
  });
});

describe.concurrent('an unusual answer', () => {
  it('that stops at its length keeps its finish reason', async () => {
    const directive = { deltas: 10, fault: 'length', atDelta: 6, key: 'length' } as const;
    const { stored, text, record } = await answered(directive);
    expect(stored).toMatchObject({ status: 'completed', finish_reason: 'length' });
    expect(record.terminal?.data).toMatchObject({ finishReason: 'length' });
    expect(text).toBe(scriptedText(directive).slice(0, 6).join(''));
  });

  it('that is stopped by a content filter keeps its finish reason', async () => {
    const { stored, record } = await answered({ deltas: 10, fault: 'contentFilter', key: 'filter' });
    expect(stored).toMatchObject({ status: 'completed', finish_reason: 'content_filter' });
    expect(record.terminal?.data).toMatchObject({ finishReason: 'content_filter' });
  });

  it('whose cost the provider does not name gets an estimate', async () => {
    const { stored, record } = await answered({ deltas: 40, noUsage: true, key: 'no-usage' });
    expect(stored.usage).toMatchObject({ estimated: true });
    expect(stored.usage?.outputTokens).toBeGreaterThan(50);
    expect(record.terminal?.data['usage']).toEqual(stored.usage);
  });

  it('with NUL in it, which Postgres cannot store, is kept with a replacement character', async () => {
    const directive = { deltas: 40, nul: true, key: 'nul' };
    const { text } = await answered(directive);
    expect(whole(directive)).toContain('\0');
    expect(text).toBe(whole(directive).replaceAll('\0', '\uFFFD'));
  });

  it('that is cut between the halves of a character comes whole', async () => {
    const directive = { deltas: 60, intervalMs: 4, splitSurrogates: true, key: 'surrogates' };
    const { text } = await answered(directive);
    expect(text).toBe(whole(directive));
    expect(text.isWellFormed()).toBe(true);
  });

  it('with a line of a megabyte comes whole, in deltas that readers can take, and is estimated without blocking the worker', async () => {
    const directive = { deltas: 4, fault: 'hugeLine', megabytes: 1, noUsage: true, key: 'huge' } as const;
    const { text, log, stored } = await answered(directive);
    const pieces = scriptedText(directive);
    const huge = 'x'.repeat(1024 * 1024);
    expect(text === pieces.slice(0, 2).join('') + huge + pieces.slice(2).join('')).toBe(true);
    expect(Math.max(...log.map((entry) => String(entry.data.text ?? '').length))).toBeLessThanOrEqual(8_192);
    expect(stored).toMatchObject({ attempt: 1, crashes: 0, usage: { estimated: true } });
    await expectNotBlocked('huge');
  });

  it('to a long question in Chinese is estimated without blocking the worker', async () => {
    const text = `${'你好世界'.repeat(20_000)} ${question({ deltas: 5, noUsage: true, key: 'chinese' })}`;
    const { run } = await ask(base, text);
    const [record] = await allEnd(watch([base], run));
    const { stored } = await expectOneEnd(stack, run, [record]);
    expect(stored).toMatchObject({ status: 'completed', attempt: 1, crashes: 0, usage: { estimated: true } });
    expect(stored.usage?.inputTokens).toBeGreaterThan(20_000);
    await expectNotBlocked('chinese');
  });
});

it('a provider that cannot be reached at all: retried, then told', async () => {
  const deaf = await startStack({ env: { OPENAI_BASE_URL: 'http://127.0.0.1:9/v1', UPSTREAM_RETRIES: '1' } });
  try {
    const { run } = await ask(firstUrl(deaf), 'Hello');
    const records = await allEnd(watch([firstUrl(deaf)], run));
    const { stored } = await expectOneEnd(deaf, run, records);
    expect(stored).toMatchObject({
      status: 'failed',
      failure_code: 'upstream_unavailable',
      attempt: 2,
      retries: 1,
    });
  } finally {
    await deaf.stop();
  }
});

/** Every value under the stack's prefix, with its key, as text. */
async function redisValues(): Promise<string[]> {
  const { redis } = stack;
  const found: string[] = [];
  for (const key of await redis.keys(`*${stack.redisPrefix}*`)) {
    const read: Record<string, () => Promise<unknown>> = {
      string: () => redis.get(key),
      hash: () => redis.hgetall(key),
      stream: () => redis.xrange(key, '-', '+'),
      list: () => redis.lrange(key, 0, -1),
      set: () => redis.smembers(key),
      zset: () => redis.zrange(key, '0', '-1'),
    };
    found.push(`${key} ${JSON.stringify(await read[await redis.type(key)]?.())}`);
  }
  return found;
}

it(
  'after all of this no secret stands in a log, a reply, Redis or Postgres',
  async () => {
    await createConversation(base);
    const places: Record<string, string[]> = {
      redis: await redisValues(),
      postgres: [],
      replies: [],
      logs: [],
    };
    const { rows: tables } = await stack.db.query(
      "select tablename from pg_tables where schemaname = 'public'",
    );
    for (const { tablename } of tables) {
      const { rows } = await stack.db.query(`select each::text as row from "${tablename}" each`);
      places['postgres']?.push(...rows.map((row) => `${tablename} ${row.row}`));
    }
    const { rows: runs } = await stack.db.query('select id, conversation_id from runs');
    for (const { id, conversation_id: conversationId } of runs) {
      for (const path of [
        `/api/runs/${id}`,
        `/api/runs/${id}/events`,
        `/api/conversations/${conversationId}/messages`,
      ]) {
        const reply = await fetch(`${base}${path}`);
        places['replies']?.push(`${path} ${JSON.stringify([...reply.headers])} ${await reply.text()}`);
      }
    }
    const logDir = inject('logDir');
    const ownLogs = readdirSync(logDir, 'utf8').filter((file) =>
      file.startsWith(stack.redisPrefix.replaceAll('-', '_')),
    );
    for (const file of ownLogs) places['logs']?.push(readFileSync(join(logDir, file), 'utf8'));

    for (const [place, texts] of Object.entries(places)) {
      expect(texts.join('').length, `${place} were read`).toBeGreaterThan(1_000);
      expect(
        texts.filter((text) => text.includes('sk-test-canary-key')),
        place,
      ).toEqual([]);
      // What the provider says in its errors is for the operator's log alone.
      if (place !== 'logs')
        expect(
          texts.filter((text) => text.includes(errorCanary)),
          place,
        ).toEqual([]);
    }
    expect((await getRun(base, runs[0].id)).id).toBe(runs[0].id);
  },
  2 * patience.timeout,
);
