/** What events say, for comparing them. */

/** The text in the data of an event; '' where it has none. */
export function textIn(data: string): string {
  try {
    const { text } = JSON.parse(data) as { text?: unknown };
    return typeof text === 'string' ? text : '';
  } catch {
    return '';
  }
}

/** JSON with its fields in one order: the end of a run comes from its log or, when that is gone, from the database. */
export function sorted(json: string): string {
  const sort = (_: string, value: unknown): unknown =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value;
  return JSON.stringify(JSON.parse(json), sort);
}
