import { z } from 'zod';

/**
 * One setting, read from one environment variable. docs/OPERATING.md lists them all; a test compares the two.
 */
export interface Setting<T> {
  readonly name: string;
  readonly schema: z.ZodType<T>;
  /** The text that stands for an unset variable; undefined: the variable must be set. */
  readonly fallback: string | undefined;
  readonly description: string;
}

export type Settings = Record<string, Setting<unknown>>;
export type SettingValues<S extends Settings> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never;
};

/** Describes a setting. `fallback` is written as the variable would be. */
export function setting<T>(
  name: string,
  schema: z.ZodType<T>,
  fallback: string | undefined,
  description: string,
): Setting<T> {
  return { name, schema, fallback, description };
}

/** A setting that is missing or wrong: something that the operator has to mend before anything can start. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError';
}

/**
 * Reads all settings and reports all faults together, in one line, so that nobody mends them one start at a time.
 * An empty variable counts as unset: that is how compose files and shells write "nothing". Values are never repeated
 * in the message; they may be secrets. Throws SettingsError.
 */
export function readSettings<S extends Settings>(settings: S, env: NodeJS.ProcessEnv): SettingValues<S> {
  const values: Record<string, unknown> = {};
  const faults: string[] = [];
  for (const [key, { name, schema, fallback }] of Object.entries(settings)) {
    const text = env[name] || fallback;
    if (text === undefined) {
      faults.push(`${name} is not set`);
      continue;
    }
    const parsed = schema.safeParse(text);
    if (parsed.success) values[key] = parsed.data;
    else faults.push(`${name} ${parsed.error.issues[0]?.message ?? 'is not valid'}`);
  }
  if (faults.length > 0) throw new SettingsError(`Wrong settings: ${faults.join('; ')}.`);
  return values as SettingValues<S>;
}

/** A whole number in a range. */
export function wholeNumber(min: number, max: number): z.ZodType<number> {
  return z
    .string()
    .regex(/^-?\d+$/, 'must be a whole number')
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be from ${min} to ${max}`);
}

/** A list, separated by commas. */
export const commaList = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== ''),
);

/** Whole numbers from 1 by name, such as `gpt-5=50,other=10`; `none`: none. */
const numbersByName = z
  .string()
  .regex(/^(none|[^=,\s]+=[1-9]\d{0,5}(,[^=,\s]+=[1-9]\d{0,5})*)$/, 'must be like gpt-5=50,other=10, or none')
  .transform((text): Readonly<Record<string, number>> => {
    const pairs = text === 'none' ? [] : text.split(',').map((pair) => pair.split('='));
    return Object.fromEntries(pairs.map(([name = '', number]) => [name, Number(number)]));
  });

/** A URL with one of these schemes, e.g. `redis:`. */
export function urlOf(...schemes: string[]): z.ZodType<string> {
  return z
    .string()
    .refine(
      (text) => URL.canParse(text) && schemes.includes(new URL(text).protocol),
      `must be a URL that begins with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}`,
    );
}

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** What every process needs. */
export const commonSettings = {
  databaseUrl: setting(
    'DATABASE_URL',
    urlOf('postgres:', 'postgresql:'),
    undefined,
    'Postgres, version 14 or later.',
  ),
  redisUrl: setting(
    'REDIS_URL',
    urlOf('redis:', 'rediss:'),
    undefined,
    'Redis 6.2 or later, or Valkey, with `maxmemory-policy noeviction`.',
  ),
  redisAof: setting(
    'REDIS_AOF',
    z.enum(['required', 'optional'], 'must be required or optional'),
    'required',
    'Whether to start only with a Redis that keeps an append-only file.',
  ),
  redisPrefix: setting(
    'REDIS_PREFIX',
    z.string().regex(/^[a-z0-9-]{1,32}$/, 'must be 1 to 32 of a-z, 0-9 and -'),
    'holdfast',
    'First part of every Redis key: give each deployment on one Redis its own.',
  ),
  model: setting('OPENAI_MODEL', z.string().max(128), 'gpt-5-mini', 'The model of messages that name none.'),
  logLevel: setting(
    'LOG_LEVEL',
    z.enum(logLevels, `must be one of ${logLevels.join(', ')}`),
    'info',
    'How much is logged, as one line of JSON per record.',
  ),
  runLogRetentionMs: setting(
    'RUN_LOG_RETENTION_MS',
    wholeNumber(1_000, 30 * 86_400_000),
    '86400000',
    'How long the events of a run can be read after its end; then its text comes from Postgres as one snapshot.',
  ),
  tokensPerDay: setting(
    'TOKENS_PER_USER_PER_DAY',
    wholeNumber(0, 2_000_000_000),
    '0',
    'Tokens that one user may use in a day (UTC), prompts and answers together; 0 is no limit.',
  ),
  runsPerUserMax: setting(
    'RUNS_PER_USER_MAX',
    wholeNumber(1, 10_000),
    '20',
    'Runs of one user that are answered at a time; further ones wait. Runs that wait for a retry count.',
  ),
  modelRunsMax: setting(
    'MODEL_RUNS_MAX',
    numbersByName,
    'none',
    'Runs of one model that are answered at a time, such as `gpt-5=50,other=10`; `other` is for each model not named.',
  ),
  databaseConnections: setting(
    'DATABASE_CONNECTIONS',
    wholeNumber(2, 200),
    '10',
    'Postgres connections per process, at most. Event streams hold none.',
  ),
} satisfies Settings;
