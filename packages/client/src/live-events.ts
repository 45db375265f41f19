/**
 * What happens in all conversations of the user, for all parts of a page, over the one connection that all tabs of the
 * browser share (see share-events.ts). It begins with the first `follow` and goes on through lost connections and
 * closed tabs by itself.
 */

import type { Client } from './client.ts';
import { isUndecided } from './errors.ts';
import type { FollowState } from './follow.ts';
import type { ReceivedLiveEvent } from './follow-events.ts';
import { type SharedEvents, type ShareEventsOptions, shareEvents } from './share-events.ts';
import type { KeptEvents } from './share-known-answers.ts';
import type { CurrentUser } from './wire.ts';

/** Between two attempts to learn who is signed in; the client has tried several times in each. */
const askAgainMs = 2_000;

export interface LiveEventsOptions extends Pick<ShareEventsOptions, 'locks'> {
  readonly client: Pick<Client, 'events' | 'me'>;
  /** Who is signed in. Default: it is asked for (`client.me`). Make new live events for another user. */
  readonly user?: CurrentUser | undefined;
}

/** How the connection is, whichever tab has it. */
export interface LiveState {
  /** Null: there is none, and none is tried. */
  readonly connection: FollowState | null;
  /** Why the server refuses it, in a way that waiting cannot mend; null: it does not. `retry` tries again. */
  readonly refusal: unknown;
}

export interface LiveEvents {
  /** Who is signed in; rejects when nobody is, and asks again the next time. */
  user(): Promise<CurrentUser>;
  /** Calls `listener` with each event. Returns how to stop that. */
  listen(listener: (event: ReceivedLiveEvent) => void): () => void;
  /** Calls `listener` with each change of the state. Returns how to stop that. */
  watch(listener: (state: LiveState) => void): () => void;
  readonly state: LiveState;
  /**
   * Carries the run events of this conversation from now on, too (null: of none); `owner` is who wants it, and wants one at
   * a time. `kept`: what a reload has kept; it counts for the first call of all only.
   */
  follow(owner: object, conversationId: string | null, kept?: KeptEvents | null): void;
  /** `owner` wants nothing any more. */
  release(owner: object): void;
  /** Tries again after a refusal. */
  retry(): void;
  /** How far the events have come; null: nothing has. */
  readonly cursor: string | null;
  /** Ends it for good. */
  stop(): void;
}

/** Makes live events. They open nothing before the first `follow`. */
export function createLiveEvents({ client, user, locks }: LiveEventsOptions): LiveEvents {
  const listeners = new Set<(event: ReceivedLiveEvent) => void>();
  const watchers = new Set<(state: LiveState) => void>();
  /** By owner; null: none. */
  const wanted = new Map<object, string | null>();
  let known: Promise<CurrentUser> | null = user ? Promise.resolve(user) : null;
  let shared: SharedEvents | null = null;
  let keptFirst: KeptEvents | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isStopped = false;
  let state: LiveState = { connection: null, refusal: null };

  function setState(now: Partial<LiveState>): void {
    state = { ...state, ...now };
    for (const watcher of watchers) watcher(state);
  }

  function whoIsThere(): Promise<CurrentUser> {
    known ??= client.me();
    known.catch(() => {
      known = null;
    });
    return known;
  }

  /** What is carried: each conversation once. */
  const all = () => [...new Set(wanted.values())].filter((id) => id !== null);

  function share(userId: string): SharedEvents {
    return shareEvents({
      events: client.events,
      name: `holdfast:${userId}`,
      locks,
      onEvent(event) {
        for (const listener of listeners) listener(event);
      },
      onState: (connection) => setState({ connection, ...(connection === 'live' && { refusal: null }) }),
      onRefused: (refusal) => setState({ refusal }),
    });
  }

  /**
   * Asks for what is wanted, as the next task: parts of a page that begin together ask together, and what one of them has
   * kept counts for all.
   */
  async function begin(kept: KeptEvents | null): Promise<void> {
    keptFirst ??= kept;
    try {
      const { id } = await whoIsThere();
      later(0, () => {
        shared ??= share(id);
        shared.follow(all(), keptFirst);
      });
    } catch (refusal) {
      if (isStopped) return;
      setState({ refusal });
      // No part of the page could begin without it, so none would ever ask again.
      if (isUndecided(refusal)) later(askAgainMs, () => void begin(null));
    }
  }

  function later(ms: number, call: () => void): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      if (!isStopped) call();
    }, ms);
  }

  return {
    user: whoIsThere,
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    watch(listener) {
      watchers.add(listener);
      return () => watchers.delete(listener);
    },
    get state() {
      return state;
    },
    follow(owner, conversationId, kept = null) {
      const isNew = !wanted.has(owner) || wanted.get(owner) !== conversationId;
      wanted.set(owner, conversationId);
      // What it tells first is for everybody, so a part of the page that wants nothing more must not ask for it.
      if (isNew && (conversationId !== null || !shared)) void begin(kept);
    },
    release: (owner) => wanted.delete(owner),
    retry() {
      setState({ refusal: null });
      void begin(null);
    },
    get cursor() {
      return shared?.cursor ?? null;
    },
    stop() {
      isStopped = true;
      clearTimeout(timer);
      shared?.stop();
      shared = null;
      wanted.clear();
      setState({ connection: null });
    },
  };
}
