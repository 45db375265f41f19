/**
 * One malformed request after the other, each wrong in one way (some in two): the body's fields, the body as a whole, its
 * type, ids in the path, queries, header fields, methods, and bytes that are no HTTP.
 */
import { requestBytes } from '../../support/raw-http.ts';
import {
  hostileBodies,
  hostileHeaders,
  hostileMethods,
  hostileTexts,
  hostileTypes,
  hostileValues,
} from './hostile.ts';
import type { Random } from './random.ts';
import { fieldsOf, type Route, sampleOf, withField } from './routes.ts';

export interface Malformed {
  /** For people: what is wrong with it. */
  readonly kind: string;
  readonly bytes: Buffer;
  /**
   * The server may only know that nothing more comes when we end our side. Node closes a connection whose client does that
   * before it has its answer, so there may be none.
   */
  readonly half: boolean;
}

export interface Surroundings {
  readonly base: string;
  readonly routes: readonly Route[];
  /** Parameters of paths that lead to something, by name and beginning of the path; see `idFor`. */
  readonly ids: Readonly<Record<string, string>>;
  /** Values of Authorization that are good; the first one is no session. */
  readonly credentials: readonly string[];
}

interface Draft {
  method: string;
  path: string;
  query: string;
  headers: [string, string][];
  body: string | Buffer | undefined;
}

/** `{id}` of `/api/runs/{id}` is a run, and so on. */
function idFor(path: string, name: string, ids: Surroundings['ids']): string {
  return ids[`${path.split('/')[2]}.${name}`] ?? ids[name] ?? 'none';
}

function draftOf(random: Random, { routes, ids, credentials }: Surroundings): { draft: Draft; route: Route } {
  const route = random.one(routes);
  // What the requests are about must not be gone after the first tenth of them.
  const real = route.method !== 'DELETE' && !route.path.endsWith('/leave');
  const path = route.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    real && random.chance(0.9) ? idFor(route.path, name, ids) : '0198ffff-ffff-7fff-bfff-ffffffffffff',
  );
  const body = route.body === null ? undefined : JSON.stringify(sampleOf(route.body, random));
  const headers: [string, string][] = [['Connection', 'close']];
  // Who has logged out is refused from then on, and nothing behind that would be tried.
  const credential = route.path.endsWith('/logout') ? credentials[0] : random.one(credentials);
  headers.push(['Authorization', credential ?? '']);
  if (body !== undefined) headers.push(['Content-Type', 'application/json']);
  return { draft: { method: route.method, path, query: '', headers, body }, route };
}

/** Percent-encoded where it must be, or left as it is where HTTP can carry that. */
function inAddress(random: Random, text: string): string {
  if (random.chance(0.3)) return text.replaceAll(/[^\x21-\x7e\x80-\xff]/g, '').slice(0, 3_000);
  return encodeURIComponent(text.toWellFormed()).slice(0, 12_000);
}

type Spoil = (draft: Draft, route: Route, random: Random) => void;

const setHeader = (draft: Draft, name: string, value: string): void => {
  draft.headers = draft.headers.filter(([old]) => old.toLowerCase() !== name.toLowerCase());
  draft.headers.push([name, value]);
};

const spoils: Readonly<Record<string, Spoil>> = {
  field(draft, route, random) {
    const sample = route.body === null ? {} : sampleOf(route.body, random);
    const fields = fieldsOf(sample);
    const field = fields.length > 0 ? random.one(fields) : 'a';
    draft.body = JSON.stringify(withField(sample, field, random.one(hostileValues)));
    setHeader(draft, 'Content-Type', 'application/json');
  },
  missing(draft, route, random) {
    const sample = route.body === null ? { a: 1 } : sampleOf(route.body, random);
    const fields = fieldsOf(sample);
    if (fields.length > 0) draft.body = JSON.stringify(withField(sample, random.one(fields), undefined));
  },
  extra(draft, route, random) {
    const sample = route.body === null ? {} : sampleOf(route.body, random);
    const name = random.one(['id', 'userId', 'role', 'status', 'attempt', '__proto__', ...hostileTexts]);
    draft.body = JSON.stringify(withField(sample, name.replaceAll('.', ''), random.one(hostileValues)));
    setHeader(draft, 'Content-Type', 'application/json');
  },
  duplicate(draft, _route, random) {
    const field = random.one(['text', 'title', 'email', 'name', 'role', 'model']);
    const value = JSON.stringify(random.one(hostileValues));
    draft.body = `{"${field}":"a",${'"x":1,'.repeat(random.below(3))}"${field}":${value}}`;
    setHeader(draft, 'Content-Type', 'application/json');
  },
  body(draft, _route, random) {
    draft.body = random.chance(0.2) ? random.bytes(random.below(2_000)) : random.one(hostileBodies);
    setHeader(draft, 'Content-Type', 'application/json');
  },
  cutBody(draft, _route, random) {
    const whole = String(draft.body ?? '{"text":"abc"}');
    draft.body = whole.slice(0, random.below(whole.length));
    setHeader(draft, 'Content-Type', 'application/json');
  },
  type(draft, _route, random) {
    draft.body ??= '{}';
    setHeader(draft, 'Content-Type', random.one(hostileTypes));
  },
  id(draft, route, random) {
    draft.path = route.path.replaceAll(
      /\{\w+\}/g,
      () => inAddress(random, random.one(hostileTexts)) || '%00',
    );
  },
  query(draft, route, random) {
    const names = [
      ...route.queryNames,
      'cursor',
      'limit',
      'q',
      'ticket',
      'follow',
      'from',
      'to',
      'format',
      'x',
    ];
    const parts = Array.from({ length: 1 + random.below(3) }, () => {
      const value = inAddress(random, random.one(hostileTexts));
      return `${random.one(names)}${random.one(['=', '', '[]=', '[a]=', '=&='])}${value}`;
    });
    draft.query = `?${parts.join('&')}${random.one(['', '&', '%', '%zz', '#x', '?'])}`;
  },
  header(draft, _route, random) {
    const [name, values] = random.one(hostileHeaders);
    if (random.chance(0.8)) setHeader(draft, name, random.one(values));
    else draft.headers.push([name, random.one(values)], [name, random.one(values)]);
  },
  manyHeaders(draft, _route, random) {
    const length = 1 + random.below(400);
    for (let n = 0; n < length; n += 1) draft.headers.push([`x-${n}`, 'y'.repeat(random.below(60))]);
  },
  method(draft, _route, random) {
    draft.method = random.one(hostileMethods);
  },
};
const kinds = Object.keys(spoils);

/** A flipped bit, a lost piece, a repeated piece, a strange byte. */
function mangle(bytes: Buffer, random: Random): Buffer {
  const at = random.below(bytes.length);
  const length = 1 + random.below(20);
  switch (random.below(4)) {
    case 0: {
      const copy = Buffer.from(bytes);
      copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
      return copy;
    }
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
    case 2:
      return Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
    default:
      return Buffer.concat([bytes.subarray(0, at), random.bytes(length), bytes.subarray(at)]);
  }
}

/** Fields after which only the end of our side may say that nothing more comes. */
const endless = /^(content-length|transfer-encoding)$/i;

/** The next malformed request. */
export function nextMalformed(random: Random, surroundings: Surroundings): Malformed {
  const { draft, route } = draftOf(random, surroundings);
  const kind = random.one(kinds);
  spoils[kind]?.(draft, route, random);
  if (random.chance(0.1)) spoils[random.one(kinds)]?.(draft, route, random);
  const { method, path, query, headers, body } = draft;
  let bytes = requestBytes(surroundings.base, {
    method,
    path: `${path}${query}`,
    headers,
    ...(body === undefined ? {} : { body }),
  });
  const mangled = random.chance(0.1);
  if (mangled) bytes = mangle(bytes, random);
  const noHttp = !mangled && random.chance(0.02);
  if (noHttp) bytes = random.bytes(1 + random.below(3_000));
  return {
    kind: `${noHttp ? 'noise' : kind}${mangled ? ', mangled' : ''} on ${route.method} ${route.path}`,
    bytes,
    half: mangled || noHttp || headers.some(([name]) => endless.test(name)),
  };
}
