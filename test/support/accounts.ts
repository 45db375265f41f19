/** Registering, logging in and beginning as a guest, as a program does it: with bearer tokens. */
import { call, type Reply } from './ask.ts';
import { nobody } from './people.ts';

/** What these requests are answered: with an account, or with a problem. */
export interface Opened {
  readonly user: {
    readonly id: string;
    readonly name: string;
    readonly kind: string;
    readonly role: string;
    readonly email: string | null;
  };
  readonly token: string;
  readonly code: string;
}

export const password = 'correct horse battery';
export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

let count = 0;
export const newEmail = (): string => `user-${count++}@example.com`;

type Headers = Readonly<Record<string, string>>;

/** `api`: the address of an API process, or how to get it once it runs. */
export function accountsAt(api: string | (() => string)) {
  const base = typeof api === 'string' ? () => api : api;
  const post = (path: string, body: object, headers: Headers = nobody): Promise<Reply<Opened>> =>
    call<Opened>(base(), 'POST', path, { session: 'token', ...body }, headers);
  return {
    register: (body: object = {}, headers?: Headers) =>
      post('/api/auth/register', { email: newEmail(), password, ...body }, headers),
    logIn: (email: string, tried = password, headers?: Headers) =>
      post('/api/auth/login', { email, password: tried }, headers),
    guest: (headers?: Headers) => post('/api/auth/guest', {}, headers),
    me: (token: string) => call<Opened['user']>(base(), 'GET', '/api/me', undefined, bearer(token)),
    apiKey: async (token: string): Promise<string> =>
      (await call<{ token: string }>(base(), 'POST', '/api/me/api-keys', { name: 'a key' }, bearer(token)))
        .body.token,
  };
}
