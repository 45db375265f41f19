/**
 * What the provider really wrote, where that is known, and what everybody says when nothing moves any more.
 *
 * provider  a text that is no beginning of what the provider writes at every attempt, or a completed answer that is not
 *           all of it
 * agree     two answers about the messages of one conversation that differ, though nothing changed in between
 * crashed   a process that ended by itself: nothing that the world does may bring one down
 */
import { createRunRecord } from '../run-record.ts';
import type { History, ReaderEntry, RequestEntry, Violation } from './history.ts';
import { type Index, isSuccess, pathOf } from './index-history.ts';

export function checkAnswers({ tree, quietAt }: History, { readers, requests }: Index): Violation[] {
  const messages = new Map(tree.messages.map((message) => [message.id, message]));
  const written = new Map<string, string>();
  for (const { messages: asked, answer } of tree.prompts) {
    if (typeof answer === 'string') written.set(asked.at(-1)?.content ?? '', answer);
  }
  const violations: Violation[] = [];
  const answerOf = new Map<string, string>();
  for (const run of tree.runs) {
    const whole = written.get(messages.get(run.promptMessageId)?.text ?? '');
    if (whole === undefined) continue;
    answerOf.set(run.id, whole);
    const { text = '' } = messages.get(run.messageId) ?? {};
    if (!isBeginningOf(whole, text) || (run.status === 'completed' && text !== whole)) {
      violations.push({ rule: 'provider', runId: run.id, detail: { run, text, whole } });
    }
  }
  return [
    ...violations,
    ...readers.flatMap((reader) => checkRead(reader, answerOf.get(reader.runId))),
    ...(quietAt === undefined ? [] : checkAgreement(requests.filter(({ began }) => began >= quietAt))),
    ...(tree.crashes ?? []).map((detail) => ({ rule: 'crashed', detail })),
  ];
}

/**
 * An answer that ends between the two halves of a character has U+FFFD in the place of the first one: half a character
 * can be neither sent nor stored. It can stand at the end only.
 */
function isBeginningOf(whole: string, text: string): boolean {
  if (whole.startsWith(text)) return true;
  const at = text.length - 1;
  const isHalf = (whole.codePointAt(at) ?? 0) > 0xffff;
  return isHalf && text.endsWith('\ufffd') && whole.startsWith(text.slice(0, -1));
}

/** Of all attempts, also of those that were given up: the provider writes the same each time. */
function checkRead({ user, runId, begin, events }: ReaderEntry, whole: string | undefined): Violation[] {
  if (whole === undefined) return [];
  const { cursor, text } = begin;
  const { record, apply } = createRunRecord(cursor === null ? undefined : { cursor, text: text ?? '' });
  let knowsText = cursor === null || text !== null;
  for (const event of events) {
    apply(event);
    if (event.event === 'snapshot' || event.event === 'started') knowsText = true;
    if (!knowsText || isBeginningOf(whole, record.text)) continue;
    return [{ rule: 'provider', runId, detail: { user, event, text: record.text, whole } }];
  }
  return [];
}

function checkAgreement(requests: readonly RequestEntry[]): Violation[] {
  const told = new Map<string, string>();
  return requests.flatMap((request): Violation[] => {
    const path = pathOf(request);
    if (request.method !== 'GET' || !path.endsWith('/messages') || !isSuccess(request)) return [];
    const said = JSON.stringify(request.reply);
    const known = told.get(path);
    told.set(path, known ?? said);
    const conversationId = path.split('/')[3] ?? '';
    return known === undefined || known === said
      ? []
      : [{ rule: 'agree', conversationId, detail: { request, known } }];
  });
}
