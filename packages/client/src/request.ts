import { type Backoff, createBackoff, pause } from './backoff.ts';
import { type ProblemError, problemOf, UnreachableError } from './errors.ts';
import { listenForWake } from './wake.ts';

/** Four tries span about five to ten seconds: a restart of the server; after that a person should be asked. */
const triesMax = 4;

/** The server answers every JSON request within seconds or with 503; what takes longer is a dead connection. */
const answerMsMax = 30_000;

export interface RequestOptions {
  readonly fetch: typeof fetch;
  readonly createBackoff?: (() => Backoff) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Sends one JSON request and reads the JSON answer (undefined for 204), again after network failures, 408, 425, 5xx and
 * the 429 that says when to come back. Only for what may be repeated: GET, PUT, PATCH, DELETE, keyed POST, cancel.
 *
 * A DELETE that finds nothing after a try whose answer was lost has done its work.
 *
 * @throws ProblemError when the server refuses, UnreachableError when no readable answer comes, and the signal's
 *   reason when it is aborted
 */
export async function request<T>(url: string, init: RequestInit, options: RequestOptions): Promise<T> {
  const { signal } = options;
  const backoff = (options.createBackoff ?? createBackoff)();
  for (let tries = 1; ; tries += 1) {
    signal?.throwIfAborted();
    let failure: ProblemError | UnreachableError;
    // One controller for each try, instead of AbortSignal.any: a page that lives for days makes thousands of them.
    const attempt = new AbortController();
    const abort = () => attempt.abort();
    const timer = setTimeout(abort, answerMsMax);
    signal?.addEventListener('abort', abort);
    try {
      const response = await options.fetch(url, { ...init, signal: attempt.signal });
      // Reading the body belongs to the try: a proxy's page, or an answer cut in the middle, is no answer.
      if (response.status === 204) return undefined as T;
      if (response.ok) return (await response.json()) as T;
      if (response.status === 404 && init.method === 'DELETE' && tries > 1) {
        await response.body?.cancel();
        return undefined as T;
      }
      failure = await problemOf(response);
    } catch (cause) {
      failure = new UnreachableError(cause);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
    }
    signal?.throwIfAborted();
    if (!mayRepeat(failure) || tries >= triesMax) throw failure;
    const waiting = new AbortController();
    const cutShort = () => waiting.abort();
    signal?.addEventListener('abort', cutShort);
    // The network is back: whoever waits because it was not need not wait longer.
    const stopListening = failure instanceof UnreachableError ? listenForWake(cutShort) : () => {};
    await pause(backoff.next('retryAfterMs' in failure ? failure.retryAfterMs : null), waiting.signal);
    stopListening();
    signal?.removeEventListener('abort', cutShort);
  }
}

/** What a person waits for without being told why. */
const silentWaitMsMax = 10_000;

/**
 * What a person has to decide about is told at once: a limit of tokens, waiting messages or connections goes by only when
 * something ends, not within the seconds that are waited here.
 */
function mayRepeat(failure: ProblemError | UnreachableError): boolean {
  if (!('status' in failure)) return true;
  if (failure.status === 429 && failure.problem) {
    const { code, retryAfterMs } = failure;
    return code === 'rate_limited' && retryAfterMs !== null && retryAfterMs <= silentWaitMsMax;
  }
  return failure.retryable;
}
