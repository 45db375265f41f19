/**
 * What readers were told of a run.
 *
 * prefix          a text that is no beginning of the answer as history has it
 * disagreement    two readers with different texts after the same event
 * once-in-order   an event twice, out of order, without a place, or after the end
 * no-gap          an event is missing before this one
 * one-writer      two different events with the same id
 * one-end         readers with different ends, an end that history does not have, or a reader who never got one
 */
import { isTerminalType } from '@holdfast/shared/protocol/run-event.ts';
import { createRunRecord } from '../run-record.ts';
import { sorted, textIn } from './event-text.ts';
import type { ReaderEntry, TreeMessage, TreeRun, Violation } from './history.ts';

/** What all readers of one run have seen together. */
interface Seen {
  /** Type and data of each event, by id. Snapshots are not events of the log alone: they are left out. */
  readonly events: Map<string, string>;
  /** The text after each event, as a fingerprint, by id. */
  readonly texts: Map<string, string>;
  end: string | null;
}

export function checkReaders(
  readers: readonly ReaderEntry[],
  runs: ReadonlyMap<string, TreeRun>,
  messages: ReadonlyMap<string, TreeMessage>,
): Violation[] {
  const violations: Violation[] = [];
  const seen = new Map<string, Seen>();
  for (const reader of readers) {
    const of = seen.get(reader.runId) ?? { events: new Map(), texts: new Map(), end: null };
    seen.set(reader.runId, of);
    const run = runs.get(reader.runId);
    const answer = run && messages.get(run.messageId);
    violations.push(...checkReader(reader, of, run, answer));
  }
  return violations;
}

function checkReader(
  reader: ReaderEntry,
  seen: Seen,
  run: TreeRun | undefined,
  answer: TreeMessage | undefined,
): Violation[] {
  const violations: Violation[] = [];
  const violate = (rule: string, detail: object) =>
    violations.push({ rule, runId: reader.runId, detail: { user: reader.user, ...detail } });
  const { cursor, text } = reader.begin;
  const { record, apply } = createRunRecord(cursor === null ? undefined : { cursor, text: text ?? '' });
  // Whoever begins with a cursor that is not theirs knows no text before the first event that sets one.
  let knowsText = cursor === null || text !== null;
  let print = nothing;
  let isKnown = false;

  for (const event of reader.events) {
    const before = record.violations.length;
    apply(event);
    const broken = record.violations.slice(before);
    for (const violation of broken) {
      const rule = violation.rule === 'gap' ? 'no-gap' : 'once-in-order';
      violate(rule, { connection: reader.connections[event.connection], violation, event });
    }
    if (broken.length > 0) isKnown = false;
    if (broken.length > 0 || event.id === null) continue;
    if (event.event === 'snapshot' || event.event === 'started') knowsText = true;
    if (event.event !== 'snapshot') {
      const content = `${event.event} ${sorted(event.data)}`;
      const known = seen.events.get(event.id);
      if (known !== undefined && known !== content) violate('one-writer', { event, known });
      seen.events.set(event.id, content);
    }
    if (!knowsText) continue;
    // A delta goes on where the text was; anything else may have set another one.
    print =
      isKnown && event.event === 'delta' ? extend(print, textIn(event.data)) : extend(nothing, record.text);
    isKnown = true;
    const known = seen.texts.get(event.id);
    const told = `${print.length}:${print.hash}`;
    if (known !== undefined && known !== told) violate('disagreement', { event, text: record.text });
    seen.texts.set(event.id, told);
    const isFinalAttempt = run !== undefined && Number(event.id.split('-')[0]) === run.attempt;
    if (answer && isFinalAttempt && !answer.text.startsWith(record.text)) {
      violate('prefix', { event, text: record.text, answer: answer.text });
    }
  }

  for (const ending of endOf(reader, seen, record.terminal, run)) violate('one-end', ending);
  if (answer && record.terminal && knowsText && record.text !== answer.text) {
    violate('prefix', { atTheEnd: true, text: record.text, answer: answer.text });
  }
  return violations;
}

function endOf(
  reader: ReaderEntry,
  seen: Seen,
  terminal: { readonly type: string; readonly id: string; readonly data: object } | null,
  run: TreeRun | undefined,
): object[] {
  const storedId = run && `${run.attempt}-${run.terminalSeq}`;
  if (!terminal) {
    // Refused: see `lost`. Aborted: they went away.
    if (reader.ending === 'refused' || reader.ending === 'aborted') return [];
    const last = reader.events.at(-1)?.id ?? reader.begin.cursor;
    // A conversation that was deleted is gone in the end; what others read of it tells where it ended.
    const endId = storedId ?? seen.end?.split(' ')[0] ?? last;
    return reader.ending === 'no-content' && last === endId
      ? []
      : [{ ending: reader.ending, last, storedId: endId }];
  }
  const end = `${terminal.id} ${terminal.type} ${sorted(JSON.stringify(terminal.data))}`;
  const problems: object[] = [];
  if (seen.end !== null && seen.end !== end) problems.push({ end, another: seen.end });
  seen.end = end;
  if (run && `${storedId} ${run.status}` !== `${terminal.id} ${terminal.type}`) problems.push({ end, run });
  const after = reader.events.findIndex(({ event }) => isTerminalType(event));
  if (after !== reader.events.length - 1) problems.push({ after: reader.events.slice(after + 1) });
  return problems;
}

/** Length and a hash: texts are compared at each of thousands of events, and need not be kept for it. */
interface Fingerprint {
  readonly length: number;
  readonly hash: number;
}

const nothing: Fingerprint = { length: 0, hash: 0x811c9dc5 };

/** That of a text and what was appended to it. Long answers would cost their square if each were looked at anew. */
function extend({ length, hash }: Fingerprint, text: string): Fingerprint {
  let next = hash;
  for (let index = 0; index < text.length; index += 1) {
    next = Math.imul(next ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return { length: length + text.length, hash: next };
}
