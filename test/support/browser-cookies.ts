/** A browser, as far as cookies and `Origin` go: for tests of what a page may do. */
import type { Reply } from './ask.ts';

export interface CookieJar {
  /** The session token; undefined: the browser has none. */
  session: string | undefined;
  /** Attributes of the newest `Set-Cookie`, in lower case. */
  attributes: string[];
  /** Sends JSON as a page of `origin` would; `null` sends none. */
  send<T = { [key: string]: unknown }>(
    method: string,
    path: string,
    body?: unknown,
    options?: { readonly origin?: string | null; readonly headers?: Record<string, string> },
  ): Promise<Reply<T>>;
}

/** A browser that shows a page of `base`. */
export function openBrowserAt(base: string): CookieJar {
  const jar: CookieJar = {
    session: undefined,
    attributes: [],
    async send<T>(
      method: string,
      path: string,
      body?: unknown,
      options: { readonly origin?: string | null; readonly headers?: Record<string, string> } = {},
    ) {
      const origin = options.origin === undefined ? base : options.origin;
      const response = await fetch(`${base}${path}`, {
        method,
        headers: {
          ...(jar.session === undefined ? {} : { cookie: `other=1; holdfast_session=${jar.session}` }),
          ...(origin === null ? {} : { origin }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...options.headers,
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      for (const line of response.headers.getSetCookie()) {
        const [pair = '', ...attributes] = line.split(/;\s*/);
        const [name, value = ''] = pair.split('=');
        if (name !== 'holdfast_session') continue;
        jar.session = value === '' ? undefined : value;
        jar.attributes = attributes.map((attribute) => attribute.toLowerCase());
      }
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        body: (text === '' ? null : JSON.parse(text)) as T,
      };
    },
  };
  return jar;
}
