import { parseRetryAfter } from './backoff.ts';
import type { Problem } from './wire.ts';

/** A problem document is a few hundred bytes; what is longer is some proxy's page and not worth reading. */
const problemCharsMax = 64_000;

/**
 * Whether the same request may succeed later, unchanged: 408, 425, 429 and everything that the server takes upon
 * itself. A balancer answers 502, 503 or 504 in every deployment.
 */
export function isRetryableStatus(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

/** The server refused a request. Branch on `code`; `message` is the sentence for people. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  /** HTTP status. */
  readonly status: number;
  /** A code of docs/ERRORS.md, or `http_<status>` when something else than the API answered (a proxy). */
  readonly code: Problem['code'] | `http_${number}`;
  /** The problem document (RFC 9457), or null when the answer was not one. */
  readonly problem: Problem | null;
  /** How long the server asked to wait, in milliseconds, or null. */
  readonly retryAfterMs: number | null;

  constructor(status: number, problem: Problem | null, retryAfterMs: number | null = null) {
    super(problem ? problem.detail || problem.title : `The server answered with status ${status}.`);
    this.status = status;
    this.code = problem?.code ?? `http_${status}`;
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether the same request may succeed later. */
  get retryable(): boolean {
    return isRetryableStatus(this.status) && this.code !== 'token_limit_reached';
  }
}

/** No answer came, or none that can be read: the network, a proxy's page, a timeout. `cause` holds the reason. */
export class UnreachableError extends Error {
  override readonly name = 'UnreachableError';
  readonly retryable = true;

  constructor(cause: unknown) {
    super('The server cannot be reached.', { cause });
  }
}

/** Whether nobody has decided about the request: it can be sent again without asking a person. */
export function isUndecided(error: unknown): boolean {
  if (error instanceof UnreachableError) return true;
  return error instanceof ProblemError && error.retryable && error.status !== 429;
}

/** Reads a refusal (any status that is not 2xx) into an error. Never throws: an unreadable body only lacks a problem. */
export async function problemOf(response: Response): Promise<ProblemError> {
  const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'));
  let problem: Problem | null = null;
  try {
    const declared = Number(response.headers.get('content-length') ?? 0);
    if (
      /^application\/problem\+json\b/i.test(response.headers.get('content-type') ?? '') &&
      declared <= problemCharsMax
    ) {
      const body: unknown = await response.json();
      if (isProblem(body)) problem = body;
    } else {
      await response.body?.cancel();
    }
  } catch {
    // Cut off in the middle: the status alone still says what to do.
  }
  return new ProblemError(response.status, problem, retryAfterMs);
}

function isProblem(body: unknown): body is Problem {
  if (typeof body !== 'object' || body === null) return false;
  const { code, title, detail } = body as Partial<Record<string, unknown>>;
  return typeof code === 'string' && typeof title === 'string' && typeof detail === 'string';
}
