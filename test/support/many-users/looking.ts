/** Reading, looking around, and looking where one has no business. */
import { markerWord } from '../checker/history.ts';
import { beginnings } from './beginnings.ts';
import { readRecorded } from './recorded-client.ts';
import {
  type Crowd,
  chance,
  type KnownRun,
  pick,
  pickConversation,
  pickRun,
  send,
  type Walker,
} from './walker.ts';

/** Readers of one user at a time: as many as somebody has tabs. */
const readingMax = 3;

/** Reads in the background, as in another tab; then sees whether what it saw is what is there. */
export function startReading(crowd: Crowd, walker: Walker, run: KnownRun): void {
  if (walker.reading.size >= readingMax) return;
  const reading = (async () => {
    const beginning = beginnings(crowd.recording, walker, run.id);
    const read = await (crowd.read ?? readRecorded)(crowd.recording, walker, run, beginning);
    const terminal = read.events.some(({ event }) => ['completed', 'failed', 'cancelled'].includes(event));
    if (!terminal || !chance(walker, 0.4)) return;
    await send(crowd, walker, 'GET', `/api/runs/${run.id}`);
    await send(crowd, walker, 'GET', `/api/conversations/${run.conversationId}/messages`);
  })();
  walker.reading.add(reading);
  void reading.finally(() => walker.reading.delete(reading));
}

export async function readSomething(crowd: Crowd, walker: Walker): Promise<void> {
  const run = pickRun(walker);
  if (run) startReading(crowd, walker, run);
}

export async function lookAround(crowd: Crowd, walker: Walker): Promise<void> {
  const conversation = pickConversation(walker);
  if (!conversation) return;
  await send(crowd, walker, 'GET', '/api/conversations?limit=5');
  await send(crowd, walker, 'GET', `/api/conversations/${conversation.id}`);
  const { status, reply } = await send(
    crowd,
    walker,
    'GET',
    `/api/conversations/${conversation.id}/messages`,
  );
  if (status !== 200) return;
  // What others have asked here is theirs to read, too.
  const { activeRun } = reply as { activeRun: KnownRun | null };
  if (!activeRun || conversation.runs.some(({ id }) => id === activeRun.id)) return;
  conversation.runs.push(activeRun);
  startReading(crowd, walker, activeRun);
}

/** For a conversation of theirs, or for one that they may not know: somebody else's. */
export async function search(crowd: Crowd, walker: Walker): Promise<void> {
  const owner = chance(walker, 0.6) ? walker : (pick(walker, crowd.walkers) ?? walker);
  const conversation = pick(
    walker,
    owner.conversations.filter(({ isOwn }) => isOwn),
  );
  if (!conversation) return;
  const q = markerWord({ conversationCode: conversation.code, userCode: owner.code });
  await send(crowd, walker, 'GET', `/api/conversations?q=${q}`);
}

/** Asks for what is somebody else's, by its right id. */
export async function pry(crowd: Crowd, walker: Walker): Promise<void> {
  const other = pick(walker, crowd.walkers);
  const conversation = other && pickConversation(other);
  if (!conversation) return;
  const run = pick(walker, conversation.runs);
  await send(crowd, walker, 'GET', `/api/conversations/${conversation.id}/messages`);
  if (!run) return;
  if (chance(walker, 0.5)) await send(crowd, walker, 'GET', `/api/runs/${run.id}`);
  else startReading(crowd, walker, run);
}
