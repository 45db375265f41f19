/**
 * Yours only: each text carries a marker that says where it was written, so that one that is told to somebody who is no
 * member is recognised wherever it stands.
 *
 * foreign-text   a marker of a conversation that the one who got it is no member of
 * mixed          a run's answer has the marker of another question
 */
import { textIn } from './event-text.ts';
import {
  type FeedEntry,
  type History,
  type Marker,
  markersIn,
  markerWord,
  type Violation,
} from './history.ts';
import { type Index, mayBeMember } from './index-history.ts';

export function checkPrivacy({ entries, tree }: History, index: Index): Violation[] {
  const violations: Violation[] = [];

  /** `began` and `ended`: when it was told; what is told late was asked for in time. */
  const check = (user: string, text: string, began: number, ended: number, detail: unknown): void => {
    for (const marker of markersIn(text)) {
      const conversationId = index.conversationOfCode.get(marker.conversationCode);
      if (conversationId !== undefined && mayBeMember(index, conversationId, user, began, ended)) continue;
      // It was made by a request that got no answer.
      if (conversationId === undefined && index.creatorOfCode.get(marker.conversationCode) === user) continue;
      violations.push({
        rule: 'foreign-text',
        ...(conversationId === undefined ? {} : { conversationId }),
        detail: { user, marker: markerWord(marker), in: detail },
      });
    }
  };

  for (const entry of entries) {
    switch (entry.kind) {
      case 'request': {
        // An invitation tells the title of what one is invited to.
        if (/^\/api\/invitations\/[^/]+$/.test(entry.path)) break;
        // A problem may repeat what was sent.
        const own = (entry.status ?? 0) < 400 ? [] : markersIn(JSON.stringify([entry.path, entry.body]));
        const told = markersIn(JSON.stringify(entry.reply ?? null)).map(markerWord);
        const others = told.filter((word) => !own.map(markerWord).includes(word));
        check(entry.user, others.join(' '), entry.began, entry.ended, entry);
        break;
      }
      case 'reader': {
        // Piece by piece a marker may be cut in two.
        for (const { connection, text, at } of textsOf(entry.events)) {
          check(entry.user, text, entry.opened[connection] ?? 0, at, { runId: entry.runId, text });
        }
        break;
      }
      case 'feed':
        for (const event of entry.events) {
          const openedAt = entry.opened[event.connection] ?? 0;
          check(entry.user, JSON.stringify(event.data), openedAt, event.at, event);
        }
        // Followed runs come piece by piece, too.
        for (const { runId, text, openedAt, at } of followedTexts(entry)) {
          check(entry.user, text, openedAt, at, { runId, text });
        }
    }
  }

  const prompts = new Map(tree.messages.map((message) => [message.id, markersIn(message.text)[0]]));
  const promptOf = new Map(tree.runs.map((run) => [run.id, prompts.get(run.promptMessageId)]));
  const checkAnswer = (runId: string, text: string): void => {
    const own = promptOf.get(runId);
    if (!own) return;
    const others = markersIn(text).filter((marker: Marker) => markerWord(marker) !== markerWord(own));
    if (others.length > 0) violations.push({ rule: 'mixed', runId, detail: { own, others, text } });
  };
  for (const { role, runId, text } of tree.messages)
    if (role === 'assistant' && runId) checkAnswer(runId, text);
  for (const { runId, events } of index.readers) {
    for (const { text } of textsOf(events)) checkAnswer(runId, text);
  }
  for (const { runId, entries: log } of tree.logs) {
    checkAnswer(runId, log.map(({ data }) => textIn(data)).join(''));
  }
  for (const feed of index.feeds) {
    for (const { runId, text } of followedTexts(feed)) checkAnswer(runId, text);
  }
  return violations;
}

/** What each connection was told, its deltas put together. */
function textsOf(
  events: readonly { readonly connection: number; readonly data: string; readonly at: number }[],
): { connection: number; text: string; at: number }[] {
  return [...Map.groupBy(events, (event) => event.connection)].map(([connection, of]) => ({
    connection,
    text: of.map(({ data }) => `${textIn(data)}`).join('') + of.map(({ data }) => data).join('\n'),
    at: of.at(-1)?.at ?? 0,
  }));
}

/** What each connection of a feed was told of each run that it followed, put together. */
function followedTexts({ events, opened }: FeedEntry) {
  const of = events.filter(({ type }) => type === 'run.event');
  return [
    ...Map.groupBy(of, ({ connection, data }) => `${connection} ${String(data['runId'])}`).values(),
  ].map((pieces) => ({
    runId: String(pieces[0]?.data['runId']),
    text: pieces.map(({ data }) => textIn(JSON.stringify(data['data']))).join(''),
    openedAt: opened[pieces[0]?.connection ?? 0] ?? 0,
    at: pieces.at(-1)?.at ?? 0,
  }));
}
