/**
 * What the run logs hold in the end: exactly what readers were told, and what history has.
 *
 * no-gap      an entry is missing before this one
 * one-end     a log without its terminal event, with another one, or with something after it
 * one-writer  a reader was told another event under this id
 * prefix      a log with another text than history
 */
import { compareEventIds, isNextEventId, parseEventId } from '@holdfast/shared/protocol/event-id.ts';
import { isTerminalType } from '@holdfast/shared/protocol/run-event.ts';
import { sorted, textIn } from './event-text.ts';
import type { LogEntry, ReaderEntry, Tree, TreeRun, Violation } from './history.ts';
import type { Index } from './index-history.ts';

/** `withFaults`: Redis may have lost something; the database still has it, and tells it to whoever asks. */
export function checkLogs(tree: Tree, { readers, deleted }: Index, withFaults: boolean): Violation[] {
  const logs = new Map(tree.logs.map(({ runId, entries }) => [runId, entries]));
  const answers = new Map(tree.messages.map((message) => [message.id, message]));
  const violations = tree.runs.flatMap((run): Violation[] => {
    const entries = logs.get(run.id);
    if (!entries || entries.length === 0) {
      const isDue = !withFaults && isTerminalType(run.status) && !deleted.has(run.conversationId);
      return isDue ? [{ rule: 'one-end', runId: run.id, detail: { run, log: 'none' } }] : [];
    }
    return checkLog(run, entries, answers.get(run.messageId)?.text ?? '', withFaults);
  });
  return [...violations, ...checkTold(logs, readers)];
}

function checkLog(
  run: TreeRun,
  entries: readonly LogEntry[],
  answer: string,
  withFaults: boolean,
): Violation[] {
  const violations: Violation[] = [];
  const violate = (rule: string, detail: object) =>
    violations.push({ rule, runId: run.id, detail: { log: true, ...detail } });
  let before = parseEventId(entries[0]?.id ?? '');
  if (before?.seq !== 0) violate('no-gap', { first: entries[0] });
  for (const entry of entries.slice(1)) {
    const id = parseEventId(entry.id);
    if (!before || !id || compareEventIds(id, before) <= 0 || !isNextEventId(before, id)) {
      violate('no-gap', { before, entry });
    }
    before = id;
  }
  const ends = entries.filter(({ type }) => isTerminalType(type));
  const last = entries.at(-1);
  const isEnded = last?.id === `${run.attempt}-${run.terminalSeq}` && last.type === run.status;
  if (ends.length > 1 || (ends.length === 1 && !isEnded) || (ends.length === 0 && !withFaults)) {
    violate('one-end', { run, ends, last });
  }
  const text = entries
    .filter(({ id }) => id.startsWith(`${run.attempt}-`))
    .map(({ data }) => textIn(data))
    .join('');
  if (ends.length === 1 && text !== answer) violate('prefix', { text, answer });
  return violations;
}

/** A log is what its readers were told. Snapshots may stand for more than one entry. */
function checkTold(
  logs: ReadonlyMap<string, readonly LogEntry[]>,
  readers: readonly ReaderEntry[],
): Violation[] {
  const byRun = Map.groupBy(readers, ({ runId }) => runId);
  return [...byRun].flatMap(([runId, of]) => {
    const entries = new Map(logs.get(runId)?.map((entry) => [entry.id, entry]));
    return of.flatMap(({ user, events }): Violation[] =>
      events.flatMap((event): Violation[] => {
        const entry = event.event === 'snapshot' ? undefined : entries.get(event.id ?? '');
        const isSame = entry?.type === event.event && sorted(entry.data) === sorted(event.data);
        return !entry || isSame ? [] : [{ rule: 'one-writer', runId, detail: { user, event, entry } }];
      }),
    );
  });
}
