/** Asking, in all its ways, and stopping. */
import { setTimeout as sleep } from 'node:timers/promises';
import { question } from '../ask.ts';
import type { RequestEntry } from '../checker/history.ts';
import { markerWord } from '../checker/history.ts';
import { startReading } from './looking.ts';
import {
  type Crowd,
  chance,
  type KnownConversation,
  type KnownRun,
  pick,
  pickConversation,
  pickRun,
  post,
  send,
  type Walker,
} from './walker.ts';

/** How long after a question somebody thinks better of it, at the most: its answer is under way by then, or waits. */
const regretMsMax = 800;

/** A question whose answer has its marker, and takes some tenths of a second up to more than one. */
function newQuestion(crowd: Crowd, walker: Walker, { code }: KnownConversation): string {
  const marker = markerWord({ conversationCode: code, userCode: walker.code });
  const directive = {
    deltas: 20 + Math.floor(walker.random() * 41),
    intervalMs: Math.floor(walker.random() * 25),
    seed: Math.floor(walker.random() * 1_000_000),
    splitSurrogates: chance(walker, 0.3),
    marker,
    ...crowd.directive?.(walker),
  };
  return question(directive, `Tell me of ${marker}.`);
}

const newWhenBusy = (walker: Walker): object => {
  const whenBusy = pick(walker, [undefined, 'queue', 'queue', 'reject', 'interrupt']);
  return whenBusy === undefined ? {} : { whenBusy };
};

/** Remembers the run that was accepted, and mostly reads it. */
function noteRun(crowd: Crowd, walker: Walker, { status, reply }: RequestEntry): void {
  if (status !== 202) return;
  const { run } = reply as { run: KnownRun };
  const conversation = walker.conversations.find(({ id }) => id === run.conversationId);
  conversation?.runs.push(run);
  if (chance(walker, 0.6)) startReading(crowd, walker, run);
}

export async function askSomething(crowd: Crowd, walker: Walker): Promise<void> {
  const conversation = pickConversation(walker);
  if (!conversation) return;
  const path = `/api/conversations/${conversation.id}/messages`;
  const body = { text: newQuestion(crowd, walker, conversation), ...newWhenBusy(walker) };
  const before = conversation.runs.at(-1);
  // Several at once come one after the other.
  const others = Array.from({ length: chance(walker, 0.15) ? 2 : 0 }, () =>
    post(crowd, walker, path, { text: newQuestion(crowd, walker, conversation) }),
  );
  const accepted = await post(crowd, walker, path, body);
  for (const each of [accepted, ...(await Promise.all(others))]) noteRun(crowd, walker, each);
  if (accepted.status === 202 && chance(walker, 0.2)) {
    await sleep(walker.random() * regretMsMax);
    await stop(crowd, walker, (accepted.reply as { run: KnownRun }).run);
  }
  // What it interrupted is looked at: it must not be shown as if it went on.
  if (before && 'whenBusy' in body && body.whenBusy === 'interrupt') {
    await send(crowd, walker, 'GET', `/api/runs/${before.id}`);
  }
}

export async function stopSomething(crowd: Crowd, walker: Walker): Promise<void> {
  const run = pickConversation(walker)?.runs.at(-1);
  if (run) await stop(crowd, walker, run);
}

async function stop(crowd: Crowd, walker: Walker, run: KnownRun): Promise<void> {
  await send(crowd, walker, 'POST', `/api/runs/${run.id}/cancel`);
  if (chance(walker, 0.5)) await send(crowd, walker, 'GET', `/api/runs/${run.id}`);
}

export async function editSomething(crowd: Crowd, walker: Walker): Promise<void> {
  const conversation = pickConversation(walker);
  const run = pick(walker, conversation?.runs ?? []);
  if (!conversation || !run) return;
  const body = { text: newQuestion(crowd, walker, conversation), ...newWhenBusy(walker) };
  noteRun(crowd, walker, await post(crowd, walker, `/api/messages/${run.promptMessageId}/edit`, body));
}

export async function regenerateSomething(crowd: Crowd, walker: Walker): Promise<void> {
  const run = pickRun(walker);
  if (!run) return;
  const id = chance(walker, 0.5) ? run.messageId : run.promptMessageId;
  noteRun(crowd, walker, await post(crowd, walker, `/api/messages/${id}/regenerate`, newWhenBusy(walker)));
}

export async function selectBranch(crowd: Crowd, walker: Walker): Promise<void> {
  const conversation = pickConversation(walker);
  const run = pick(walker, conversation?.runs ?? []);
  if (!conversation || !run) return;
  const leafId = chance(walker, 0.5) ? run.messageId : run.promptMessageId;
  await send(crowd, walker, 'PATCH', `/api/conversations/${conversation.id}`, { leafId });
}
