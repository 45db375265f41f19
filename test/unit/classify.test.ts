import { type AddressInfo, createServer } from 'node:net';
import type { FailureCode } from '@holdfast/shared/protocol/error-code.ts';
import { failures } from '@holdfast/shared/protocol/error-code.ts';
import { errorCanary } from '@holdfast/stand-in/provider-error.ts';
import { type Directive, writeDirective } from '@holdfast/stand-in/script.ts';
import { type StandIn, startStandIn } from '@holdfast/stand-in/stand-in.ts';
import OpenAI, { APIConnectionTimeoutError, APIError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { classify } from '../../apps/worker/src/upstream/classify.ts';
import { UpstreamError } from '../../apps/worker/src/upstream/upstream.ts';

let standIn: StandIn;
beforeAll(async () => {
  standIn = await startStandIn({
    pace: { tokensPerSecond: Number.POSITIVE_INFINITY, firstTokenMs: 0, jitter: 0 },
  });
});
afterAll(() => standIn.stop());

/** What the SDK throws when it is answered like this. */
async function errorOf(directive: Directive, baseURL = standIn.url): Promise<unknown> {
  const openai = new OpenAI({ baseURL, apiKey: 'sk-test', maxRetries: 0, timeout: 5_000, logLevel: 'off' });
  try {
    const chunks = await openai.chat.completions.create({
      model: 'm',
      messages: [{ role: 'user', content: writeDirective(directive) }],
      stream: true,
    });
    for await (const _ of chunks);
  } catch (error) {
    return error;
  }
  throw new Error('the stand-in answered without a fault');
}

/** An error of the SDK as it makes it of an answer with this body; for what the stand-in has no words for. */
function answered(
  status: number | undefined,
  error: object | undefined,
  headers: Record<string, string> = {},
) {
  const made = APIError.generate(status, error && { error }, undefined, new Headers(headers));
  // Without a status `generate` makes a connection error; an error frame in mid-answer is this instead.
  return status === undefined ? new APIError(undefined, error, undefined, new Headers(headers)) : made;
}

/** A port at which nothing listens. */
async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

type Row = [what: string, directive: Directive, code: FailureCode, retryable: boolean];
const rows: Row[] = [
  ['400 context_length_exceeded', { status: 400 }, 'context_too_long', false],
  ['400 content policy', { status: 400, code: 'content_policy_violation' }, 'content_refused', false],
  ['400 of another kind', { status: 400, code: 'invalid_value' }, 'upstream_rejected', false],
  ['401 wrong key', { status: 401 }, 'upstream_auth', false],
  ['402 no credit', { status: 402 }, 'upstream_quota', false],
  ['403 forbidden country', { status: 403 }, 'upstream_auth', false],
  ['404 no such model', { status: 404 }, 'upstream_not_found', false],
  ['408 timeout', { status: 408 }, 'upstream_unavailable', true],
  ['409 conflict', { status: 409 }, 'upstream_unavailable', true],
  ['413 too large', { status: 413 }, 'context_too_long', false],
  ['422 rejected', { status: 422 }, 'upstream_rejected', false],
  ['422 too long', { status: 422, code: 'context_length_exceeded' }, 'context_too_long', false],
  ['425 too early', { status: 425 }, 'upstream_unavailable', true],
  ['429 rate limit', { status: 429 }, 'upstream_rate_limited', true],
  ['429 insufficient_quota', { status: 429, code: 'insufficient_quota' }, 'upstream_quota', false],
  ['418 whatever', { status: 418 }, 'upstream_rejected', false],
  ['500 server error', { status: 500 }, 'upstream_unavailable', true],
  ['502 of a balancer, in HTML', { status: 502 }, 'upstream_unavailable', true],
  ['503 overloaded', { status: 503 }, 'upstream_unavailable', true],
  ['504 of a balancer, in HTML', { status: 504 }, 'upstream_unavailable', true],
  ['an error frame in mid-answer', { fault: 'errorFrame', deltas: 4 }, 'upstream_interrupted', true],
  ['a socket that is cut in mid-answer', { fault: 'cut', deltas: 4 }, 'upstream_interrupted', true],
  ['a frame that is not JSON', { fault: 'badJson', deltas: 4 }, 'upstream_invalid', true],
];

describe('a failure of the provider', () => {
  it.each(rows)('%s', async (_what, directive, code, retryable) => {
    const error = await errorOf(directive);
    const classified = classify(error);
    expect(classified).toMatchObject({ code, retryable, cause: error });
    // What the client is told is our sentence, never the provider's.
    expect(classified.message).toBe(failures[code]);
    expect(classified.message).not.toContain(errorCanary);
  });

  it('that nothing listens', async () => {
    const error = await errorOf({}, `http://127.0.0.1:${await closedPort()}/v1`);
    expect(classify(error)).toMatchObject({ code: 'upstream_unavailable', retryable: true });
  });

  it("that the SDK's own time is over", () => {
    expect(classify(new APIConnectionTimeoutError())).toMatchObject({
      code: 'upstream_unavailable',
      retryable: true,
    });
  });

  it.each<[string, unknown, FailureCode, boolean]>([
    ['too long', { code: 'context_length_exceeded', message: 'x' }, 'context_too_long', false],
    ['refused', { code: 'data_inspection_failed', message: 'x' }, 'content_refused', false],
    ['no credit', { type: 'insufficient_quota', message: 'x' }, 'upstream_quota', false],
    ['rate limit', { message: 'Rate limit reached' }, 'upstream_rate_limited', true],
    ['overloaded', { type: 'overloaded_error', message: 'x' }, 'upstream_rate_limited', true],
  ])('that comes in mid-answer: %s', (_what, frame, code, retryable) => {
    expect(classify(answered(undefined, frame as object))).toMatchObject({ code, retryable });
  });

  it.each<[string, unknown, FailureCode]>([
    ['403 content', answered(403, { code: 'content_policy_violation', message: 'x' }), 'content_refused'],
    ['403 unpaid', answered(403, { code: 'Arrearage', message: 'Access denied.' }), 'upstream_quota'],
    ['400 unpaid', answered(400, { message: 'Your credit balance is too low' }), 'upstream_quota'],
    ['400 too long', answered(400, { message: 'prompt is too long: 9 tokens' }), 'context_too_long'],
  ])('that other providers word in their own way: %s', (_what, error, code) => {
    expect(classify(error)).toMatchObject({ code, retryable: false });
  });

  it.each([undefined, null, 'text', 0, {}, new Error('x'), Object.create(null), { status: 'x', message: 1 }])(
    'that nobody foresaw (%#) is an interruption, and may pass',
    (error) => {
      expect(classify(error)).toMatchObject({ code: 'upstream_interrupted', retryable: true });
    },
  );

  it('that is classified already stays as it is', () => {
    const error = new UpstreamError('upstream_idle', { retryable: true });
    expect(classify(error)).toBe(error);
  });
});

describe('the time that the provider asks us to wait', () => {
  it('is taken from Retry-After in seconds', async () => {
    expect(classify(await errorOf({ status: 429, retryAfter: 7 })).retryAfterMs).toBe(7_000);
    expect(classify(await errorOf({ status: 503, retryAfter: 0 })).retryAfterMs).toBe(0);
  });

  it('is taken from Retry-After as a date', () => {
    const inTenSeconds = new Date(Date.now() + 10_000).toUTCString();
    const { retryAfterMs } = classify(answered(429, {}, { 'retry-after': inTenSeconds }));
    expect(retryAfterMs).toBeGreaterThan(5_000);
    expect(retryAfterMs).toBeLessThanOrEqual(10_000);
  });

  it('is taken from retry-after-ms first', () => {
    const headers = { 'retry-after-ms': '250', 'retry-after': '9' };
    expect(classify(answered(429, {}, headers)).retryAfterMs).toBe(250);
  });

  it.each(['soon', '', '-1', 'NaN', 'Infinity', 'Thu, 01 Jan 1970 00:00:00 GMT'])(
    'is not taken from what is no time to come: "%s"',
    (value) => {
      expect(classify(answered(429, {}, { 'retry-after': value })).retryAfterMs).toBeUndefined();
    },
  );

  it('is unknown when the provider names none', async () => {
    expect(classify(await errorOf({ status: 429 })).retryAfterMs).toBeUndefined();
  });
});
