/**
 * Statements whose plans are kept. To plan one of the long statements of a run costs Postgres about as much as to carry it
 * out, so those that every run needs are prepared once per connection (under a name) and planned for any values.
 *
 * Only for statements that find their rows by indexes whatever the values are, whose text is always the same, and that
 * name the columns that they return: with `*`, the next release's new column would make Postgres refuse the plans of
 * processes that still run ("cached plan must not change result type").
 */
import { createHash } from 'node:crypto';
import { type RawBuilder, sql } from 'kysely';
import type pg from 'pg';

const mark = '/* plan kept */';

/** Where the mark may begin: raw statements start with it, those of the builder have it after their first word. */
const markBeginsMax = 10;

/** Put it at the beginning of a raw statement, or give it to the builder's `modifyFront`. */
export const planKept: RawBuilder<unknown> = sql.raw(mark);

/**
 * What is planned while a table has a few rows reads the whole table. Postgres plans anew when it has counted the rows
 * again, within minutes; thousands of runs may have come by then. So plans are forgotten at this age.
 */
const planMsMax = 10_000;

type Query = (...args: unknown[]) => unknown;

/** A connection's `query` that keeps the plans of marked statements. */
export function keepingPlans(query: Query): Query {
  let planMsBegan: number | null = null;
  return (text, values, ...rest) => {
    if (typeof text !== 'string' || rest.length > 0 || !isMarked(text)) return query(text, values, ...rest);
    const kept = { name: nameOf(text), text, values } as pg.QueryConfig;
    const now = performance.now();
    planMsBegan ??= now;
    if (now - planMsBegan < planMsMax) return query(kept);
    planMsBegan = now;
    // Where this fails, the statement that follows fails alike, and tells why.
    return (query('discard plans') as Promise<unknown>).catch(() => {}).then(() => query(kept));
  };
}

const isMarked = (text: string): boolean => text.lastIndexOf(mark, markBeginsMax) >= 0;

/** By text: as many as there are marked statements. */
const names = new Map<string, string>();

function nameOf(text: string): string {
  let name = names.get(text);
  if (name === undefined) {
    name = createHash('sha256').update(text).digest('hex').slice(0, 32);
    names.set(text, name);
  }
  return name;
}
