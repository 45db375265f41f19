/**
 * What is kept in the end.
 *
 * ended      an accepted run without an end
 * kept       an accepted message or run that is not there, or another one
 * unasked    a message or run that nobody was told of
 * answer     an answer that is not that of its run
 * overlap    two runs of a conversation at the same time
 * turn       a run that was answered before one that was accepted earlier
 */
import { isTerminalType } from '@holdfast/shared/protocol/run-event.ts';
import type { Tree, TreeMessage, TreeRun, Violation } from './history.ts';
import { type AcceptedRun, type Index, isSuccess, pathOf } from './index-history.ts';

export function checkTree(index: Index, tree: Tree): Violation[] {
  const messages = new Map(tree.messages.map((message) => [message.id, message]));
  const runs = new Map(tree.runs.map((run) => [run.id, run]));
  return [
    ...[...index.accepted.values()].flatMap((run) => checkAccepted(run, runs, messages, index)),
    ...checkUnasked(index, tree),
    ...tree.runs.flatMap((run) => checkAnswer(run, messages)),
    ...[...Map.groupBy(tree.runs, (run) => run.conversationId).values()].flatMap((of) =>
      checkTurns(of, index),
    ),
    ...checkShownMessages(index, messages),
  ];
}

function checkAccepted(
  accepted: AcceptedRun,
  runs: ReadonlyMap<string, TreeRun>,
  messages: ReadonlyMap<string, TreeMessage>,
  { deleted }: Index,
): Violation[] {
  const { id: runId, conversationId, message } = accepted;
  const run = runs.get(runId);
  // What was deleted is purged at some time.
  if (!run)
    return deleted.has(conversationId) ? [] : [{ rule: 'kept', runId, conversationId, detail: accepted }];
  const violations: Violation[] = [];
  const violate = (rule: string, detail: object) => violations.push({ rule, runId, conversationId, detail });
  if (!isTerminalType(run.status)) violate('ended', run);
  if (run.cancelRequested && run.status !== 'cancelled' && isTerminalType(run.status)) violate('ended', run);
  const same =
    run.conversationId === conversationId &&
    run.userId === accepted.userId &&
    run.promptMessageId === accepted.promptMessageId &&
    run.messageId === accepted.messageId;
  if (!same) violate('kept', { accepted, run });
  if (!message) return violations;
  const kept = messages.get(message.id);
  const { text } = accepted.request.body as { text: string };
  if (
    kept?.text !== text ||
    message.text !== text ||
    kept.role !== 'user' ||
    kept.authorId !== accepted.request.user ||
    kept.parentId !== message.parentId ||
    kept.conversationId !== conversationId
  ) {
    violate('kept', { accepted, kept });
  }
  return violations;
}

/** Everything that is there was answered 202, or asked for by a request that got no answer. */
function checkUnasked({ requests, accepted }: Index, { messages, runs }: Tree): Violation[] {
  const told = new Set([...accepted.values()].flatMap(({ message }) => (message ? [message.id] : [])));
  const unanswered = requests.filter(
    ({ method, status }) => method === 'POST' && (status === null || status >= 500),
  );
  const texts = new Set(unanswered.map(({ body }) => (body as { text?: string } | null)?.text));
  const mayBe = (message: TreeMessage | undefined) => message !== undefined && texts.has(message.text);
  const byId = new Map(messages.map((message) => [message.id, message]));
  const regenerates = unanswered.some((request) => pathOf(request).endsWith('/regenerate'));
  return [
    ...messages
      .filter((message) => message.role === 'user' && !told.has(message.id) && !mayBe(message))
      .map((detail) => ({ rule: 'unasked', conversationId: detail.conversationId, detail })),
    ...runs
      .filter((run) => !accepted.has(run.id) && !mayBe(byId.get(run.promptMessageId)) && !regenerates)
      .map((detail) => ({ rule: 'unasked', runId: detail.id, detail })),
  ];
}

function checkAnswer(run: TreeRun, messages: ReadonlyMap<string, TreeMessage>): Violation[] {
  const answer = messages.get(run.messageId);
  const isRight =
    answer?.runId === run.id &&
    answer.role === 'assistant' &&
    answer.parentId === run.promptMessageId &&
    answer.conversationId === run.conversationId &&
    answer.status === (isTerminalType(run.status) ? run.status : 'pending') &&
    (run.status !== 'completed' || answer.text !== '');
  return isRight ? [] : [{ rule: 'answer', runId: run.id, detail: { run, answer } }];
}

/** Runs of one conversation: one after the other, in the order of acceptance. */
function checkTurns(runs: readonly TreeRun[], { accepted }: Index): Violation[] {
  const violations: Violation[] = [];
  const started = runs.filter((run) => run.startedAt !== null).sort((a, b) => a.number - b.number);
  for (const [place, run] of started.entries()) {
    const next = started[place + 1];
    if (!next) break;
    const of = { runId: next.id, conversationId: run.conversationId, detail: { run, next } };
    if ((next.startedAt ?? 0) < (run.startedAt ?? 0)) violations.push({ rule: 'turn', ...of });
    else if (run.finishedAt === null || (next.startedAt ?? 0) < run.finishedAt) {
      violations.push({ rule: 'overlap', ...of });
    }
  }
  // The numbers are the server's own word for it; the clients know better who was answered before whom asked.
  const numbered = runs
    .map((run) => ({ run, of: accepted.get(run.id) }))
    .sort((a, b) => a.run.number - b.run.number);
  let latest = -Infinity;
  for (const { run, of } of numbered) {
    if (!of) continue;
    if (of.request.ended < latest) violations.push({ rule: 'turn', runId: run.id, detail: { run, of } });
    latest = Math.max(latest, of.began);
  }
  return violations;
}

/** Messages never change: whatever anybody was shown is what is there in the end. */
function checkShownMessages(index: Index, messages: ReadonlyMap<string, TreeMessage>): Violation[] {
  return index.requests.flatMap((request) => {
    if (request.method !== 'GET' || !pathOf(request).endsWith('/messages') || !isSuccess(request)) return [];
    const { messages: shown } = request.reply as { messages: TreeMessage[] };
    return shown.flatMap((message): Violation[] => {
      const { id, conversationId } = message;
      const kept = messages.get(id);
      if (!kept && index.deleted.has(conversationId)) return [];
      const isSame =
        kept?.text === message.text && kept.status === message.status && kept.parentId === message.parentId;
      return isSame ? [] : [{ rule: 'kept', conversationId, detail: { shown: message, kept } }];
    });
  });
}
