/** The tab that holds the connection for all: it carries what any of them wants, and tells them what comes. */
import { ProblemError } from './errors.ts';
import type { FollowState } from './follow.ts';
import type { FollowEventsOptions, ReceivedLiveEvent } from './follow-events.ts';
import type { ShareMessage, WantMessage } from './share-events-message.ts';
import type { KnownAnswers } from './share-known-answers.ts';

/** docs/PROTOCOL.md, section 10: "up to ten conversations". */
const followMax = 10;

/** A tab that crashed does not say that it leaves. */
const tabsMax = 100;

export interface LeadParts {
  readonly tab: string;
  /** Higher than that of every leader before. */
  readonly term: number;
  readonly events: (options: FollowEventsOptions) => AsyncIterable<ReceivedLiveEvent>;
  readonly answers: KnownAnswers;
  readonly post: (message: ShareMessage) => void;
  readonly onState: (state: FollowState) => void;
  readonly cursor: () => string | null;
  /** This tab takes an event; `isQuiet`: only the place that it brings. */
  readonly take: (event: ReceivedLiveEvent, isQuiet: boolean) => void;
  /** Tells this tab that its events begin, unless it was told. */
  readonly begin: () => void;
}

export interface Lead {
  readonly term: number;
  /** Leads until the signal is aborted. Rejects when the server refuses. */
  run(follow: readonly string[], signal: AbortSignal): Promise<void>;
  /** What this tab itself wants from now on. */
  want(follow: readonly string[]): void;
  hear(message: WantMessage | { readonly kind: 'leave'; readonly tab: string }): void;
}

export function createLead(parts: LeadParts): Lead {
  const { tab: ownTab, term, answers, post, cursor } = parts;
  /** What each tab wants; the one that asked last comes last. */
  const wanted = new Map<string, readonly string[]>();
  /** The conversations that the connection carries. Those that nobody wants any more stay until others need the place. */
  let carried: readonly string[] = [];
  let state: FollowState | null = null;
  let connection = new AbortController();

  const tell = (to: string | null, withAnswers: boolean): void =>
    post({ kind: 'lead', term, to, cursor: cursor(), state, answers: withAnswers ? answers.byRun : null });

  /** Remembers what a tab wants; connects anew when that is not carried yet. */
  function note(tab: string, follow: readonly string[], isNew: boolean): void {
    if (isNew) wanted.delete(tab);
    wanted.set(tab, follow);
    for (const crashed of wanted.keys()) {
      if (wanted.size <= tabsMax) break;
      wanted.delete(crashed);
    }
    const now = [...new Set([...wanted.values()].toReversed().flat())].slice(0, followMax);
    if (now.every((id) => carried.includes(id))) return;
    carried = [...new Set([...now, ...carried])].slice(0, followMax);
    connection.abort();
  }

  function take(event: ReceivedLiveEvent, isFirst: boolean): void {
    // Every tab has the events before the cursor, and nobody has to read anything again because of a new connection.
    const isQuiet = isFirst && event.type === 'ready';
    parts.take(event, isQuiet);
    post({ kind: 'event', term, event, isQuiet });
    if (!isFirst) return;
    parts.begin();
    // Those that waited for this ask where they begin.
    tell(null, false);
  }

  /** Until the signal is aborted, or what is to be carried changes. */
  async function connect(follow: readonly string[], signal: AbortSignal): Promise<void> {
    connection = new AbortController();
    const { signal: ends } = connection;
    const end = () => connection.abort();
    signal.addEventListener('abort', end);
    const onState = (now: FollowState) => {
      if (ends.aborted || now === state) return;
      state = now;
      parts.onState(now);
      post({ kind: 'state', term, state: now });
    };
    let isFirst = true;
    try {
      for await (const event of parts.events({ follow, cursor: cursor(), signal: ends, onState })) {
        if (ends.aborted) return;
        take(event, isFirst);
        isFirst = false;
        if (follow.length === 0 && carried.length > 0) return;
      }
    } catch (error) {
      if (!ends.aborted) throw error;
    } finally {
      signal.removeEventListener('abort', end);
    }
  }

  return {
    term,
    async run(follow, signal) {
      note(ownTab, follow, true);
      tell(null, false);
      let isUnseen = false;
      while (!signal.aborted) {
        try {
          await connect(isUnseen && cursor() === null ? [] : carried, signal);
        } catch (error) {
          // One tab's address names what the user may not see. Who resumes from a cursor is not refused for that.
          const isNotFound = error instanceof ProblemError && error.code === 'conversation_not_found';
          if (!isNotFound || cursor() !== null || isUnseen) throw error;
          isUnseen = true;
        }
      }
    },
    want: (follow) => note(ownTab, follow, true),
    hear(message) {
      if (message.kind === 'leave') {
        wanted.delete(message.tab);
        return;
      }
      // Before the first event nobody can be told where they begin; that event tells them to ask again.
      tell(message.tab, message.isNew && cursor() !== null);
      note(message.tab, message.follow, message.isNew);
    },
  };
}
