/**
 * What the provider was asked: the branch of the question and nothing else, once for each attempt, and no longer than for
 * the life of its run.
 *
 * mixed   a prompt, or a title, with the text of two conversations
 * prompt  a prompt that is no branch of the tree, or a question that was asked more often than there were attempts
 * stop    the provider went on with the answer to a run that had been stopped
 * cost    an attempt whose cost was never written down
 */
import { isTerminalType } from '@holdfast/shared/protocol/run-event.ts';
import { type History, type Marker, markersIn, markerWord, type Prompt, type Violation } from './history.ts';
import type { Index } from './index-history.ts';

export function checkPrompts({ tree, limits }: History, index: Index): Violation[] {
  const questions = tree.prompts.filter((prompt) => !isForTitle(prompt));
  return [
    ...tree.prompts.flatMap(checkMixed),
    ...checkTitles(tree.conversations, index),
    ...checkBranches(questions, tree.messages, index),
    ...checkAttempts(questions, tree, limits.abortMsMax),
  ];
}

const isForTitle = ({ messages }: Prompt): boolean => messages[0]?.role === 'system';
const lastText = ({ messages }: Prompt): string => messages.at(-1)?.content ?? '';

function checkMixed({ messages }: Prompt): Violation[] {
  const markers = messages.flatMap(({ content }) => markersIn(content));
  const codes = new Set(markers.map(({ conversationCode }) => conversationCode));
  return codes.size > 1 ? [{ rule: 'mixed', detail: { prompt: messages } }] : [];
}

/** A title is made of the conversation's own text. */
function checkTitles(conversations: History['tree']['conversations'], index: Index): Violation[] {
  const isOthers = (id: string) => (marker: Marker) =>
    (index.conversationOfCode.get(marker.conversationCode) ?? id) !== id;
  return conversations.flatMap(({ id, title }): Violation[] => {
    const others = markersIn(title ?? '').filter(isOthers(id));
    return others.length === 0
      ? []
      : [{ rule: 'mixed', conversationId: id, detail: { title, others: others.map(markerWord) } }];
  });
}

function checkBranches(
  prompts: readonly Prompt[],
  messages: History['tree']['messages'],
  { deleted }: Index,
): Violation[] {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const branches = new Map<string, string>();
  for (const asked of messages) {
    if (asked.role !== 'user') continue;
    const branch: object[] = [];
    for (let at = byId.get(asked.id); at; at = byId.get(at.parentId ?? '')) {
      // Answers that were stopped before their first word are left out.
      if (at.text !== '') branch.unshift({ role: at.role, content: at.text });
    }
    branches.set(asked.text, JSON.stringify(branch));
  }
  return prompts.flatMap((prompt): Violation[] => {
    const text = lastText(prompt);
    const branch = branches.get(text);
    // What was deleted may be gone.
    if (branch === undefined && deleted.size > 0) return [];
    const asked = prompt.messages.map(({ role, content }) => ({ role, content }));
    return branch === JSON.stringify(asked) ? [] : [{ rule: 'prompt', detail: { asked, branch } }];
  });
}

function checkAttempts(prompts: readonly Prompt[], tree: History['tree'], abortMsMax: number): Violation[] {
  const violations: Violation[] = [];
  const runs = new Map(tree.runs.map((run) => [run.id, run]));
  const textOf = new Map(tree.messages.map((message) => [message.id, message.text]));
  const runsOf = Map.groupBy(tree.runs, (run) => textOf.get(run.promptMessageId) ?? '');
  for (const [text, asked] of Map.groupBy(prompts, lastText)) {
    const of = runsOf.get(text) ?? [];
    const attempts = of.reduce((sum, run) => sum + run.attempt, 0);
    if (of.length > 0 && asked.length > attempts) {
      violations.push({ rule: 'prompt', detail: { text, asked: asked.length, attempts } });
    }
    // Of several runs nobody knows which prompt was whose.
    const [run, ...others] = of;
    if (run?.status !== 'cancelled' || run.finishedAt === null || others.length > 0) continue;
    const dueAt = run.finishedAt + abortMsMax * 1_000;
    const late = asked.filter(({ closedAt }) => closedAt === null || closedAt > dueAt);
    if (late.length > 0) violations.push({ rule: 'stop', runId: run.id, detail: { run, late } });
  }
  for (const attempt of tree.attempts) {
    const run = runs.get(attempt.runId);
    if (attempt.ended || !run || !isTerminalType(run.status)) continue;
    violations.push({ rule: 'cost', runId: attempt.runId, detail: attempt });
  }
  // Nobody who still answers has a run to answer for.
  const hasEnded = tree.runs.every(({ status }) => isTerminalType(status));
  for (const prompt of hasEnded ? prompts : []) {
    if (prompt.closedAt === null) violations.push({ rule: 'stop', detail: { goesOn: prompt } });
  }
  return violations;
}
