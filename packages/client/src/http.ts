/** How all calls of the client are sent: paths, JSON bodies, keys and tokens; repeating them is request.ts. */
import type { Backoff } from './backoff.ts';
import { newIdempotencyKey } from './idempotency-key.ts';
import { request } from './request.ts';

export interface ClientOptions {
  /** Where the API is, without a trailing slash, for example `https://chat.example`. Default: the page's own origin. */
  readonly baseUrl?: string | undefined;
  /** Sends all requests; wrap it to see every answer. Default: the platform's. */
  readonly fetch?: typeof fetch | undefined;
  /**
   * A session token, an API key or an identity provider's token, sent as a bearer token to the API and nowhere else. A
   * function is asked at each request. Without one, a browser sends its session cookie.
   */
  readonly token?: string | (() => string | null) | undefined;
  /** Makes the back-off of each request and each followed run. */
  readonly createBackoff?: (() => Backoff) | undefined;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

export interface PostOptions extends CallOptions {
  /**
   * Names what is meant, so that it happens once however often it is sent. Keep it where a reload finds it to send
   * again later; without one, a new key covers the retries of this call only.
   */
  readonly idempotencyKey?: string | undefined;
}

/** Sends calls; paths begin with `/api/`. */
export interface Http {
  readonly fetch: typeof fetch;
  readonly createBackoff: (() => Backoff) | undefined;
  /** The address of what the server names by a path; an absolute address (another host for streams) stays as it is. */
  address(path: string): string;
  get<T>(path: string, call?: CallOptions): Promise<T>;
  post<T>(path: string, body: object | null, call?: PostOptions): Promise<T>;
  put<T>(path: string, body: object | null, call?: CallOptions): Promise<T>;
  patch<T>(path: string, body: object, call?: CallOptions): Promise<T>;
  delete(path: string, call?: CallOptions): Promise<void>;
}

export function createHttp(options: ClientOptions): Http {
  const { baseUrl = '', token, createBackoff } = options;
  const plain: typeof fetch = options.fetch ?? ((input, init) => fetch(input, init));

  const send: typeof fetch = (input, init) => {
    const bearer = typeof token === 'function' ? token() : (token ?? null);
    // `eventsUrl` may lead to another host; the token must not.
    if (bearer === null || typeof input !== 'string' || !input.startsWith(`${baseUrl}/api/`)) {
      return plain(input, init);
    }
    const headers = new Headers(init?.headers);
    headers.set('authorization', `Bearer ${bearer}`);
    return plain(input, { ...init, headers });
  };

  function call<T>(
    method: string,
    path: string,
    body: object | null,
    headers: Record<string, string>,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const init: RequestInit = { method, headers, cache: 'no-store' };
    // Sent also by a page that is being left.
    if (method === 'DELETE') init.keepalive = true;
    if (body !== null) {
      headers['content-type'] = 'application/json';
      init.body = JSON.stringify(body);
    }
    return request<T>(baseUrl + path, init, { fetch: send, createBackoff, signal });
  }

  return {
    fetch: send,
    createBackoff,
    address: (path) => (path.startsWith('/') ? baseUrl + path : path),
    get: (path, { signal } = {}) => call('GET', path, null, {}, signal),
    post: (path, body, { idempotencyKey = newIdempotencyKey(), signal } = {}) =>
      call('POST', path, body, { 'idempotency-key': idempotencyKey }, signal),
    put: (path, body, { signal } = {}) => call('PUT', path, body, {}, signal),
    patch: (path, body, { signal } = {}) => call('PATCH', path, body, {}, signal),
    delete: (path, { signal } = {}) => call('DELETE', path, null, {}, signal),
  };
}

/** A path of the API; what is put into it is escaped. */
export function apiPath(parts: TemplateStringsArray, ...values: readonly string[]): string {
  return String.raw({ raw: parts }, ...values.map(encodeURIComponent));
}

/** `?…` of what is set, or nothing. */
export function queryOf(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value !== undefined) query.set(name, String(value));
  }
  return query.size > 0 ? `?${query}` : '';
}
