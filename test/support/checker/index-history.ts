/** Who did what, looked up in a history: what was accepted, and who was a member when. */
import { type FeedEntry, type History, markersIn, type ReaderEntry, type RequestEntry } from './history.ts';

/** A run that was answered 202, with the request that it was answered to first. */
export interface AcceptedRun {
  readonly id: string;
  readonly conversationId: string;
  readonly userId: string;
  readonly promptMessageId: string;
  readonly messageId: string;
  /** What was asked. Null: the answer to a message that was there already. */
  readonly message: { readonly id: string; readonly text: string; readonly parentId: string | null } | null;
  readonly request: RequestEntry;
  /** The beginning of the first request with its key: it was accepted after that, and before `request` ended. */
  began: number;
}

/**
 * For how long somebody was a member. `from` to `to`: they may have been one; `surelyFrom` to `surelyTo`: they were, and
 * the conversation was not deleted either.
 */
export interface Membership {
  readonly user: string;
  readonly from: number;
  readonly surelyFrom: number;
  to: number;
  surelyTo: number;
}

export interface Index {
  readonly requests: readonly RequestEntry[];
  readonly readers: readonly ReaderEntry[];
  readonly feeds: readonly FeedEntry[];
  readonly accepted: ReadonlyMap<string, AcceptedRun>;
  /** The conversation that an id belongs to: its own, a message's, a run's. */
  readonly conversationOf: ReadonlyMap<string, string>;
  readonly conversationOfCode: ReadonlyMap<string, string>;
  /** The codes that stand in a title from the beginning. */
  readonly titled: ReadonlySet<string>;
  /** Who was the first to write this code, whatever was answered. */
  readonly creatorOfCode: ReadonlyMap<string, string>;
  readonly memberships: ReadonlyMap<string, readonly Membership[]>;
  /** Conversations that somebody has tried to delete. */
  readonly deleted: ReadonlySet<string>;
}

type Json = Record<string, unknown>;

export const isSuccess = ({ status }: RequestEntry): boolean =>
  status !== null && status >= 200 && status < 300;

/** The path without its query. */
export const pathOf = ({ path }: RequestEntry): string => path.split('?', 1)[0] ?? '';

export function indexHistory({ entries }: History): Index {
  const requests = entries.filter((entry) => entry.kind === 'request');
  const readers = entries.filter((entry) => entry.kind === 'reader');
  const feeds = entries.filter((entry) => entry.kind === 'feed');
  const accepted = new Map<string, AcceptedRun>();
  const conversationOf = new Map<string, string>();
  const conversationOfCode = new Map<string, string>();
  const titled = new Set<string>();
  const creatorOfCode = new Map<string, string>();
  const memberships = new Map<string, Membership[]>();
  const deleted = new Set<string>();

  const firstWithKey = new Map<string, number>();
  const keyOf = ({ user, key }: RequestEntry) => `${user} ${key}`;
  for (const each of requests) {
    firstWithKey.set(keyOf(each), Math.min(firstWithKey.get(keyOf(each)) ?? Infinity, each.began));
  }
  const join = (conversationId: string, request: RequestEntry): void => {
    const { user, key, began, ended } = request;
    const list = memberships.get(conversationId) ?? [];
    // A repeat gets the first answer and makes nobody a member again who has left in between.
    const from = key === null ? began : (firstWithKey.get(keyOf(request)) ?? began);
    list.push({ user, from, surelyFrom: ended, to: Infinity, surelyTo: Infinity });
    memberships.set(conversationId, list);
  };
  const noteRun = (request: RequestEntry, run: Json, message: Json | undefined): void => {
    const conversationId = String(run['conversationId']);
    const messageId = String(run['messageId']);
    conversationOf.set(String(run['id']), conversationId).set(messageId, conversationId);
    if (message) conversationOf.set(String(message['id']), conversationId);
    const id = String(run['id']);
    if (accepted.has(id)) return;
    for (const { conversationCode } of markersIn(String(message?.['text'] ?? ''))) {
      if (!conversationOfCode.has(conversationCode)) conversationOfCode.set(conversationCode, conversationId);
    }
    accepted.set(id, {
      id,
      conversationId,
      userId: String(run['userId']),
      promptMessageId: String(run['promptMessageId']),
      messageId,
      message: message
        ? {
            id: String(message['id']),
            text: String(message['text']),
            parentId: message['parentId'] as string | null,
          }
        : null,
      request,
      began: request.began,
    });
  };

  /** What an invitation leads to. */
  const conversationOfToken = new Map<string, string>();

  for (const request of requests) {
    const { method, status } = request;
    const path = pathOf(request);
    const reply = (request.reply ?? {}) as Json;
    const isLost = method === 'POST' && (status === null || status >= 500);
    const invitedTo = /^\/api\/conversations\/([^/]+)\/invitations$/.exec(path)?.[1];
    if (invitedTo !== undefined && status === 201) conversationOfToken.set(String(reply['token']), invitedTo);
    const accepting = /^\/api\/invitations\/([^/]+)\/accept$/.exec(path)?.[1];
    if (isLost && accepting !== undefined) {
      // It may have been done, or be done yet: they may be a member, and nobody may rely on it.
      const to = conversationOfToken.get(accepting) ?? '';
      const list = memberships.get(to) ?? [];
      const { user, began } = request;
      list.push({ user, from: began, surelyFrom: Infinity, to: Infinity, surelyTo: -Infinity });
      memberships.set(to, list);
    }
    const askedIn = /^\/api\/conversations\/([^/]+)\/messages$/.exec(path)?.[1];
    if (isLost && askedIn !== undefined) {
      // The question may be stored although nobody was told so.
      for (const { conversationCode } of markersIn(JSON.stringify(request.body))) {
        if (!conversationOfCode.has(conversationCode)) conversationOfCode.set(conversationCode, askedIn);
      }
    }
    for (const { conversationCode } of markersIn(JSON.stringify(request.body))) {
      if (!creatorOfCode.has(conversationCode)) creatorOfCode.set(conversationCode, request.user);
    }
    if (method === 'POST' && path === '/api/conversations' && status === 201) {
      const id = String(reply['id']);
      if (!conversationOf.has(id)) join(id, request);
      conversationOf.set(id, id);
      for (const { conversationCode } of markersIn(JSON.stringify(reply))) {
        conversationOfCode.set(conversationCode, id);
        titled.add(conversationCode);
      }
    } else if (method === 'POST' && /^\/api\/invitations\/[^/]+\/accept$/.test(path) && status === 200) {
      join(String(reply['id']), request);
    } else if (method === 'POST' && status === 202 && !path.endsWith('/cancel')) {
      noteRun(request, reply['run'] as Json, reply['message'] as Json | undefined);
    }
  }
  for (const request of requests) endMemberships(request, memberships, deleted);
  for (const run of accepted.values()) {
    if (run.request.key !== null) run.began = firstWithKey.get(keyOf(run.request)) ?? run.began;
  }
  return {
    requests,
    readers,
    feeds,
    accepted,
    conversationOf,
    conversationOfCode,
    titled,
    creatorOfCode,
    memberships,
    deleted,
  };
}

/** A request without an answer may have done it, too, and so may one that Postgres did not answer. */
function endMemberships(
  request: RequestEntry,
  memberships: Map<string, Membership[]>,
  deleted: Set<string>,
): void {
  const { method, user, status } = request;
  const isDone = isSuccess(request);
  const isOpen =
    status === null || (request.reply as { code?: unknown } | null)?.code === 'store_unavailable';
  if (!isDone && !isOpen) return;
  const [, conversationId = '', rest = ''] =
    /^\/api\/conversations\/([^/]+)(?:\/(leave|members\/[^/]+))?$/.exec(pathOf(request)) ?? [];
  const list = memberships.get(conversationId) ?? [];
  const end = (who: (membership: Membership) => boolean): void => {
    for (const membership of list.filter(who)) {
      // Before this one began, or after it ended: they became a member again.
      if (membership.from > request.ended) continue;
      membership.surelyTo = Math.min(membership.surelyTo, request.began);
      if (isDone && membership.surelyFrom < request.began) {
        membership.to = Math.min(membership.to, request.ended);
      }
    }
  };
  if (method === 'DELETE' && rest === '') {
    deleted.add(conversationId);
    end(() => true);
  } else if (method === 'DELETE') {
    end((membership) => membership.user === rest.slice('members/'.length));
  } else if (method === 'POST' && rest === 'leave') {
    end((membership) => membership.user === user);
  }
}

/** Whether somebody may have been a member at some moment of this time. */
export function mayBeMember(
  index: Index,
  conversationId: string,
  user: string,
  began: number,
  ended: number,
): boolean {
  const list = index.memberships.get(conversationId) ?? [];
  return list.some((each) => each.user === user && each.from <= ended && each.to >= began);
}

/** Whether somebody was a member during all of this time. */
export function isSurelyMember(
  index: Index,
  conversationId: string,
  user: string,
  began: number,
  ended: number,
): boolean {
  const list = index.memberships.get(conversationId) ?? [];
  return list.some((each) => each.user === user && each.surelyFrom <= began && each.surelyTo >= ended);
}
