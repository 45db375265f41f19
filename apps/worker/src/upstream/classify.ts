import type { FailureCode } from '@holdfast/shared/protocol/error-code.ts';
import { UpstreamError } from './upstream.ts';

/** What an error of the SDK, of fetch or of the provider shows, whatever its class. */
interface ErrorTraits {
  /** HTTP status; undefined when the failure came in mid-answer, or before there was any reply. */
  readonly status: number | undefined;
  /** The provider's own code and type, and the message, in lower case. */
  readonly words: string;
  /** Class name of the error. */
  readonly name: string;
}

interface ErrorClass {
  readonly code: FailureCode;
  readonly retryable: boolean;
  readonly when: (error: ErrorTraits) => boolean;
}

const status =
  (...statuses: number[]) =>
  (error: ErrorTraits): boolean =>
    error.status !== undefined && statuses.includes(error.status);

const words =
  (pattern: RegExp) =>
  (error: ErrorTraits): boolean =>
    pattern.test(error.words);

const both =
  (a: ErrorClass['when'], b: ErrorClass['when']): ErrorClass['when'] =>
  (error) =>
    a(error) && b(error);

const tooLong = words(
  /context_length_exceeded|maximum context|context window|too many tokens|prompt is too long/,
);
const refused = words(/content_policy|content_filter|data_inspection_failed|moderation/);
const noCredit = words(/insufficient_quota|insufficient balance|arrearage|billing|credit/);

/**
 * Every way in which a provider fails, most specific first. Retryable is what may pass by itself; a wrong key or a
 * refused request would only fail again, and cost again.
 */
const errorTable: readonly ErrorClass[] = [
  { code: 'context_too_long', retryable: false, when: both(status(400, 413, 422), tooLong) },
  { code: 'content_refused', retryable: false, when: both(status(400, 403), refused) },
  { code: 'upstream_quota', retryable: false, when: both(status(400, 402, 403, 429), noCredit) },
  { code: 'upstream_auth', retryable: false, when: status(401, 403) },
  // A redirect is not followed: the address that was configured is not the provider's.
  {
    code: 'upstream_invalid',
    retryable: false,
    when: (error) => error.status !== undefined && error.status < 400,
  },
  { code: 'upstream_quota', retryable: false, when: status(402) },
  { code: 'upstream_not_found', retryable: false, when: status(404) },
  { code: 'upstream_unavailable', retryable: true, when: status(408, 409, 425) },
  { code: 'context_too_long', retryable: false, when: status(413) },
  { code: 'upstream_rate_limited', retryable: true, when: status(429) },
  { code: 'upstream_unavailable', retryable: true, when: (error) => (error.status ?? 0) >= 500 },
  { code: 'upstream_rejected', retryable: false, when: (error) => (error.status ?? 0) >= 400 },
  // From here on there is no status: the connection failed, or the answer broke off in the middle.
  { code: 'upstream_invalid', retryable: true, when: (error) => error.name === 'SyntaxError' },
  { code: 'upstream_unavailable', retryable: true, when: (error) => error.name.startsWith('APIConnection') },
  { code: 'context_too_long', retryable: false, when: tooLong },
  { code: 'content_refused', retryable: false, when: refused },
  { code: 'upstream_quota', retryable: false, when: noCredit },
  { code: 'upstream_rate_limited', retryable: true, when: words(/rate.?limit|overloaded/) },
  { code: 'upstream_interrupted', retryable: true, when: () => true },
];

/** What the provider's failure means for the run. */
export function classify(error: unknown): UpstreamError {
  if (error instanceof UpstreamError) return error;
  const traits = traitsOf(error);
  const found = errorTable.find((each) => each.when(traits));
  if (!found) throw new Error('the error table has no last row');
  return new UpstreamError(found.code, {
    retryable: found.retryable,
    retryAfterMs: retryAfterMs(error),
    cause: error,
  });
}

function traitsOf(error: unknown): ErrorTraits {
  const { status, code, type, message, name } = (error ?? {}) as Record<string, unknown>;
  return {
    status: typeof status === 'number' ? status : undefined,
    words: [code, type, message]
      .filter((word) => typeof word === 'string')
      .join(' ')
      .toLowerCase(),
    // The SDK's errors keep the name `Error`; their class tells them apart.
    name: error instanceof Error && name === 'Error' ? error.constructor.name : String(name),
  };
}

/** `retry-after-ms`, or `Retry-After` in seconds or as a date (RFC 9110, 10.2.3). */
function retryAfterMs(error: unknown): number | undefined {
  const headers = (error as { headers?: unknown } | null)?.headers;
  if (!(headers instanceof Headers)) return undefined;
  const ms = headers.get('retry-after-ms') ?? '';
  if (isNumber(ms)) return Number(ms);
  const value = headers.get('retry-after') ?? '';
  const wait = isNumber(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return wait >= 0 ? wait : undefined;
}

/** Digits only: `Number` would take an empty header for "at once" and "Infinity" for "never". */
const isNumber = (text: string): boolean => /^\d{1,9}(\.\d+)?$/.test(text);
