/** The ways in which a client comes to a run: anew, with what it had read before, or with a cursor that was never its. */
import { randomBytes } from '../chaos-proxy.ts';
import type { ReaderEntry } from '../checker/history.ts';
import { createRunRecord } from '../run-record.ts';
import type { Reading, Recording } from './recorded-client.ts';

/** Longest time for which a slow reader does not read. */
const stallMsMax = 3_000;
/** Connections of one reader that vanish, at the most: then it gets through. */
const cutsMax = 4;

interface Reader {
  readonly id: string;
  readonly random: () => number;
}

/** How `reader` reads this run this time. */
export function beginnings({ entries }: Recording, reader: Reader, runId: string): Reading {
  const { random } = reader;
  const cut = randomBytes({ seed: Math.floor(random() * 2 ** 31), min: 0, max: 2_500 });
  const cuts = Math.floor(random() * (cutsMax + 1));
  const reading = {
    cutAfter: (connection: number) => (connection < cuts ? cut(connection) : null),
    leaveAfter: random() < 0.1 ? 1 + Math.floor(random() * 20) : null,
    stallMs: random() < 0.1 ? Math.floor(random() * stallMsMax) : 0,
    server: random() < 0.5 ? 0 : 1,
  };
  const way = random();
  if (way < 0.5) return reading;
  const readers = entries.filter((entry): entry is ReaderEntry => entry.kind === 'reader');
  const earlier = readers.findLast((entry) => entry.runId === runId && entry.user === reader.id);
  const begin = earlier && way < 0.8 ? resume(earlier, random) : null;
  if (begin) return { ...reading, begin, cursorBy: random() < 0.5 ? 'header' : 'query' };
  return { ...reading, begin: { cursor: foreignCursor(readers, random), text: null } };
}

/** With what it had after one of the events that it read before. Null: it had read nothing, or with a cursor not its own. */
function resume({ begin, events }: ReaderEntry, random: () => number): ReaderEntry['begin'] | null {
  if (begin.cursor !== null) return null;
  const { record, apply } = createRunRecord();
  for (const event of events.slice(0, 1 + Math.floor(random() * events.length))) apply(event);
  return record.cursor === null ? null : { cursor: record.cursor, text: record.text };
}

/** Of another run, of an attempt that never was, from the future, or no cursor at all. */
function foreignCursor(readers: readonly ReaderEntry[], random: () => number): string {
  const another = readers[Math.floor(random() * readers.length)]?.events.at(-1)?.id;
  const made = ['1-9999', '7-3', '0-0', 'nonsense', '1-99999999999999999999', '99-1'];
  return (random() < 0.5 ? another : null) ?? made[Math.floor(random() * made.length)] ?? 'nonsense';
}
