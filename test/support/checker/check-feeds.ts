/**
 * What the feeds of users said.
 *
 * feed       feed-record.ts found a rule of the protocol broken
 * existence  a feed that names a conversation that its user never was a member of
 * feed-lost  an event that somebody who was a member all the time was never told
 */
import type { FeedEntry, Violation } from './history.ts';
import { type Index, isSurelyMember, mayBeMember } from './index-history.ts';

export function checkFeeds(feeds: readonly FeedEntry[], index: Index): Violation[] {
  return feeds.flatMap((feed) => [
    ...feed.violations.map((violation) => ({ rule: 'feed', detail: { user: feed.user, violation } })),
    ...checkNames(feed, index),
    ...checkWhole(feed, index),
  ]);
}

function checkNames({ user, events }: FeedEntry, index: Index): Violation[] {
  return events.flatMap((event): Violation[] => {
    const conversationId = conversationIn(event.data);
    // A conversation that nobody was told of was made by a request that got no answer.
    if (conversationId === null || !index.memberships.has(conversationId)) return [];
    if (mayBeMember(index, conversationId, user, 0, event.at)) return [];
    return [{ rule: 'existence', conversationId, detail: { user, event } }];
  });
}

function conversationIn(data: Readonly<Record<string, unknown>>): string | null {
  const { conversationId, conversation } = data as {
    conversationId?: string;
    conversation?: { id: string };
  };
  return conversationId ?? conversation?.id ?? null;
}

/** Whoever was a member from before a question was asked until the end has been told of it, and of its answer. */
function checkWhole({ user, events }: FeedEntry, index: Index): Violation[] {
  const ready = events.find(({ type }) => type === 'ready');
  if (!ready || events.some(({ type }) => type === 'resync')) return [];
  const told = new Set(events.map(({ type, data }) => `${type} ${subjectOf(data)}`));
  return [...index.accepted.values()].flatMap(({ id, conversationId, message, began }): Violation[] => {
    if (ready.at > began || !isSurelyMember(index, conversationId, user, began, Infinity)) return [];
    const due = [`run.queued ${id}`, `run.ended ${id}`, ...(message ? [`message.added ${message.id}`] : [])];
    return due
      .filter((each) => !told.has(each))
      .map((missing) => ({ rule: 'feed-lost', runId: id, conversationId, detail: { user, missing } }));
  });
}

/** What an event is about: `run.ended` has an answer, too. */
function subjectOf(data: Readonly<Record<string, unknown>>): string {
  const { run, message } = data as { run?: { id: string }; message?: { id: string } };
  return String(run?.id ?? message?.id ?? '');
}
