/**
 * How long to wait before the next try. The wait grows with each failure in a row and is drawn at random, because
 * clients that lost the same server together would otherwise come back together, and bring it down again.
 */

/** A server that restarts is back within seconds; a first retry after one second rarely comes too early. */
const baseMsDefault = 1_000;

/** A page must be alive again soon after the server is, so the wait never grows beyond this by itself. */
const capMsDefault = 10_000;

/** The growth starts here at least: with `retry: 0` it would otherwise stay at nothing and hammer a dead server. */
const stepMsMin = 100;

/** What a server may ask for at most. A mistaken `Retry-After: 86400` would otherwise switch the page off for a day. */
export const hintMsMax = 60_000;

/** The n-th wait is at most `step * 2 ** n`; beyond this exponent the cap has long been reached. */
const exponentMax = 16;

export interface Backoff {
  /**
   * The wait before the next try in milliseconds; every call counts as one more failure in a row.
   * `retryAfterMs` (see `parseRetryAfter`) is a lower bound that the server has set; more than a minute counts as one.
   */
  next(retryAfterMs?: number | null): number;
  /** Something new came: the next wait is a first one again. */
  reset(): void;
  /** The server's `retry:` field in milliseconds: the least wait from now on. */
  retry(ms: number): void;
}

export interface BackoffOptions {
  /** Least wait in milliseconds until the server names one. Default: 1,000. */
  readonly baseMs?: number;
  /** The wait does not grow beyond this many milliseconds. Default: 10,000. */
  readonly capMs?: number;
  /** A number in [0, 1), as Math.random gives it. */
  readonly random?: () => number;
}

/**
 * Makes a back-off. The first wait is drawn from [base, 1.5 · base], the n-th further one from
 * [base, min(cap, base · 2ⁿ)].
 */
export function createBackoff(options: BackoffOptions = {}): Backoff {
  const { capMs = capMsDefault, random = Math.random } = options;
  let baseMs = options.baseMs ?? baseMsDefault;
  let failures = 0;
  return {
    next(retryAfterMs = null) {
      const grown = Math.max(baseMs, stepMsMin) * 2 ** Math.min(failures, exponentMax);
      const ceilingMs = failures === 0 ? baseMs * 1.5 : Math.max(baseMs * 1.5, Math.min(capMs, grown));
      const ownMs = baseMs + random() * (ceilingMs - baseMs);
      failures += 1;
      // Not earlier than asked, and not all at the same moment either.
      return retryAfterMs === null
        ? ownMs
        : Math.max(ownMs, Math.min(retryAfterMs, hintMsMax) + random() * baseMs);
    },
    reset() {
      failures = 0;
    },
    retry(ms) {
      if (Number.isFinite(ms) && ms >= 0) baseMs = Math.min(ms, hintMsMax);
    },
  };
}

/**
 * Reads a Retry-After field (RFC 9110, section 10.2.3: "either an HTTP-date or a number of seconds").
 * Returns milliseconds from `nowMs`, 0 or more, or null when it is absent or unreadable.
 */
export function parseRetryAfter(value: string | null, nowMs: number = Date.now()): number | null {
  if (value === null) return null;
  const text = value.trim();
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs;
  return Number.isNaN(ms) ? null : Math.max(ms, 0);
}

/** Waits `ms` milliseconds, or less when `signal` is aborted; then it resolves all the same, at once. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
  });
}
