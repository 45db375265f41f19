/**
 * Directives: how a test tells the stand-in what to do. The last user message holds `@@{json}@@`; everything around
 * it is ignored. Unknown or impossible fields are refused, so that a misspelt directive cannot silently test nothing.
 */

/**
 * How an answer goes wrong, after `atDelta` deltas:
 *
 * stall          sends nothing more, keeps the socket open
 * cut            destroys the socket in the middle of a frame
 * errorFrame     `data: {"error": …}`, then the end
 * noFinish       a clean end of the body, but no finish_reason and no [DONE]
 * badJson        a frame that is half a JSON object, then the end
 * hugeLine       one valid delta of `megabytes` MiB of "x", then the answer goes on
 * length         finish_reason "length"
 * contentFilter  finish_reason "content_filter"
 */
export const faults = [
  'stall',
  'cut',
  'errorFrame',
  'noFinish',
  'badJson',
  'hugeLine',
  'length',
  'contentFilter',
] as const;

export type Fault = (typeof faults)[number];

/** What a test writes. Every field may be left out. */
export interface Directive {
  /** The whole text, instead of one of its own. */
  readonly text?: string;
  /** How many text deltas; default 20, with `bytes` one per KiB. Fewer when the text has fewer characters. */
  readonly deltas?: number;
  /** Time from one delta to the next; default 0: as fast as the reader reads. */
  readonly intervalMs?: number;
  /** Which text; default 0. */
  readonly seed?: number;
  /** Code points per delta; default 12. Ignored with `bytes`. */
  readonly chars?: number;
  /** The size of the whole text in UTF-8 bytes, exactly. */
  readonly bytes?: number;
  /** A word that is in the first delta and comes again and again: whose text it is. */
  readonly marker?: string;
  /** Puts U+0000 into the text; Postgres cannot store it. */
  readonly nul?: boolean;
  /** Ends deltas between the two halves of an astral character, as a provider may. The whole text stays the same. */
  readonly splitSurrogates?: boolean;
  /** Answers with the JSON of the request body instead of a text of its own; ignores what shapes the text. */
  readonly echo?: boolean;
  /** Time before the first byte, the HTTP status line included. */
  readonly firstDelayMs?: number;
  readonly fault?: Fault;
  /** Deltas before the fault; default: half of them. */
  readonly atDelta?: number;
  /** Size of `hugeLine` in MiB; default 8. */
  readonly megabytes?: number;
  /** Leaves the usage chunk out, as some compatible providers do. */
  readonly noUsage?: boolean;
  /** An HTTP error before any byte of the answer. */
  readonly status?: number;
  /** The provider's error code, when it is not the usual one for `status`; e.g. `insufficient_quota` with 429. */
  readonly code?: string;
  /** Seconds, for the Retry-After header. */
  readonly retryAfter?: number;
  /** `fault` and `status` apply to the first this many requests with the same key; later ones succeed. */
  readonly times?: number;
  /** What a request for a title is answered, when this directive stands in the conversation. */
  readonly title?: Directive;
  /** Names the request in the journal and in the count for `times`; default for the count: the directive's JSON. */
  readonly key?: string;
}

/** The greatest value of each number: what a test may need, and less than what makes this process fall over. */
const limits = {
  deltas: 1_000_000,
  intervalMs: 3_600_000, // setTimeout turns anything past 2^31 into 1 ms
  seed: 2 ** 32 - 1,
  chars: 100_000,
  bytes: 64 * 1024 * 1024,
  firstDelayMs: 3_600_000,
  atDelta: 1_000_000,
  megabytes: 64,
  status: 599,
  retryAfter: 86_400,
  times: 1_000_000,
} as const satisfies Partial<Record<keyof Directive, number>>;

/** The least values; everything else may be 0. A status below 400 would not be an error. */
const minima: Partial<Record<keyof typeof limits, number>> = { deltas: 1, chars: 1, bytes: 1, status: 400 };

const flags = ['nul', 'splitSurrogates', 'echo', 'noUsage'] as const satisfies readonly (keyof Directive)[];
const texts = ['text', 'marker', 'code', 'key'] as const satisfies readonly (keyof Directive)[];

const isOneOf = <T extends string>(list: readonly T[], name: string): name is T => list.includes(name as T);

/** Writes a directive as it stands in a message: `Hello @@{"deltas":3}@@`. */
export function writeDirective(directive: Directive, around = ''): string {
  return `${around}${around && ' '}@@${JSON.stringify(directive)}@@`;
}

/**
 * Finds the directive in a message. Returns null when there is none.
 * Throws an Error that names the field when there is one that cannot be followed.
 */
export function readDirective(message: string): Directive | null {
  const match = /@@(\{[\s\S]*?\})@@/.exec(message);
  if (!match) return null;
  let value: unknown;
  try {
    value = JSON.parse(match[1] ?? '');
  } catch (cause) {
    throw new Error('the directive is not JSON', { cause });
  }
  for (const [name, field] of Object.entries(value as object)) checkField(name, field);
  return value as Directive;
}

function checkField(name: string, value: unknown): void {
  if (Object.hasOwn(limits, name)) {
    const field = name as keyof typeof limits;
    const least = minima[field] ?? 0;
    const ok = Number.isInteger(value) && (value as number) >= least && (value as number) <= limits[field];
    if (!ok) throw new Error(`the directive's ${name} must be an integer from ${least} to ${limits[field]}`);
  } else if (isOneOf(flags, name)) {
    if (typeof value !== 'boolean') throw new Error(`the directive's ${name} must be true or false`);
  } else if (isOneOf(texts, name)) {
    if (typeof value !== 'string') throw new Error(`the directive's ${name} must be a string`);
  } else if (name === 'title') {
    if (typeof value !== 'object' || value === null)
      throw new Error("the directive's title must be a directive");
    for (const [inner, field] of Object.entries(value)) checkField(inner, field);
  } else if (name === 'fault') {
    if (!faults.includes(value as Fault))
      throw new Error(`the directive's fault must be one of ${faults.join(', ')}`);
  } else {
    throw new Error(`a directive has no field "${name}"`);
  }
}
