/**
 * One connection to `/api/events` for all tabs of a browser: browsers allow an origin six over HTTP/1.1, so the seventh
 * tab with one of its own would hang. One tab leads: it holds a Web Lock and the connection, and passes every event on
 * over a BroadcastChannel. When it closes, the browser gives the lock to another one, which goes on from the cursor.
 *
 * The states of a tab:
 *
 * waiting  for the lock; events come from the tab that leads
 * leading  has the lock and the connection
 * alone    there are no locks here (a page of plain HTTP, other than localhost): a connection of its own while it is seen
 * stopped  it has no part in it
 */
import type { FollowState } from './follow.ts';
import type { FollowEventsOptions, ReceivedLiveEvent } from './follow-events.ts';
import { createLead, type Lead } from './share-events-lead.ts';
import { isMessage, type LeadMessage, type ShareMessage } from './share-events-message.ts';
import { platformLocks, type Turns, takeTurns } from './share-events-turns.ts';
import { createKnownAnswers, type KeptEvents, type KnownAnswers } from './share-known-answers.ts';
import { listenForSight, type Sight } from './sight.ts';

/** A tab that is seen asks so often whether somebody leads. */
const askEveryMsDefault = 5_000;

/** A leader that answers none of so many questions is frozen, as phones do with hidden tabs; the lock is taken from it. */
const unansweredMax = 2;

/** Without locks a tab that nobody looks at gives its connection back after this time, and goes on when it is seen. */
const hiddenMsMax = 10_000;

export interface ShareEventsOptions {
  /** Opens the connection: `client.events`. */
  readonly events: (options: FollowEventsOptions) => AsyncIterable<ReceivedLiveEvent>;
  /** Tabs of the same name share. One for each user: what one sees is not for another. */
  readonly name: string;
  readonly onEvent: (event: ReceivedLiveEvent) => void;
  /** The state of the connection, whichever tab has it; null: there is none, and none is tried. */
  readonly onState?: ((state: FollowState | null) => void) | undefined;
  /** The server refuses in a way that waiting cannot mend. `follow` tries again. */
  readonly onRefused?: ((error: unknown) => void) | undefined;
  /** Null: every tab for itself. Default: the platform's. */
  readonly locks?: Pick<LockManager, 'request'> | null | undefined;
  readonly askEveryMs?: number | undefined;
}

export interface SharedEvents {
  /**
   * Asks for the run events of these conversations from now on, too; the events of all others come anyway. Begins with
   * `ready` or `resync`, after which everything shown has to be read, and a `snapshot` of each answer that is under way.
   * `kept` counts only for the first call.
   */
  follow(conversationIds: readonly string[], kept?: KeptEvents | null): void;
  /** How far the events have come; null: nothing has. */
  readonly cursor: string | null;
  /** Leaves for good. */
  stop(): void;
}

/** Makes this tab's part. It does nothing before the first `follow`. */
export function shareEvents(options: ShareEventsOptions): SharedEvents {
  const { name, onEvent, askEveryMs = askEveryMsDefault } = options;
  const locks = options.locks === undefined ? platformLocks() : options.locks;
  const tab = crypto.getRandomValues(new Uint32Array(2)).join('-');
  const answers: KnownAnswers = createKnownAnswers();
  let channel: BroadcastChannel | null = null;
  /** Null while this tab has no part in it: stopped, refused, or put away by the browser. */
  let turns: Turns | null = null;
  let lead: Lead | null = null;
  let follow: readonly string[] = [];
  let cursor: string | null = null;
  /** Of the leader that was last heard of; an earlier one that was frozen may still have something to say. */
  let term = 0;
  /** Whether the events that come stand on what this tab has. */
  let isJoined = false;
  /** Whether it has asked where it begins, and was not told yet. */
  let isAsking = false;
  let unanswered = 0;
  let timer: ReturnType<typeof setInterval> | undefined;
  let stopListening = () => {};
  let sight: () => Sight = () => 'seen';

  const post = (message: ShareMessage) => channel?.postMessage(message);
  const setState = (state: FollowState | null) => options.onState?.(state);

  function want(isNew: boolean): void {
    isAsking ||= isNew;
    post({ kind: 'want', tab, follow, isNew });
  }

  function take(event: ReceivedLiveEvent, isQuiet: boolean): void {
    cursor = event.cursor;
    answers.note(event);
    if (!isQuiet) onEvent(event);
  }

  /** Tells this tab that what follows goes on from here, and what has been written of the answers it asked for. */
  function begin(type: 'ready' | 'resync'): void {
    isJoined = true;
    isAsking = false;
    onEvent({ type, data: {}, cursor });
    for (const event of answers.snapshots(follow, cursor)) onEvent(event);
  }

  function hearLead(message: LeadMessage): void {
    if (message.term < term) return;
    const isNewLeader = message.term > term;
    term = message.term;
    unanswered = 0;
    setState(message.state);
    if (message.cursor === null) {
      // It has not begun; it will say when it has.
      isJoined = false;
    } else if (message.to === tab && message.answers) {
      // A second answer: it was asked twice, because a leader had gone or had just begun.
      if (!isAsking) return;
      const before = cursor;
      cursor = message.cursor;
      answers.replace(message.answers);
      begin(isJoined || before === null || before === cursor ? 'ready' : 'resync');
    } else if (!isJoined || message.cursor !== cursor) {
      // Nothing of what comes next stands on what this tab has.
      isJoined = false;
      want(true);
    } else if (isNewLeader) want(false);
  }

  function hear({ data }: MessageEvent<unknown>): void {
    if (!isMessage(data)) return;
    if (data.kind === 'want' || data.kind === 'leave') lead?.hear(data);
    else if (lead && data.term > lead.term) turns?.yield();
    else if (lead) return;
    else if (data.kind === 'lead') hearLead(data);
    else if (data.term === term && data.kind === 'state') setState(data.state);
    else if (data.term === term && data.kind === 'event' && isJoined) take(data.event, data.isQuiet);
  }

  /** Holds the connection until its turn is over. Rejects when the server refuses. */
  async function leadOn(signal: AbortSignal): Promise<void> {
    term = Math.max(Date.now(), term + 1);
    const mine = createLead({
      tab,
      term,
      events: options.events,
      answers,
      post,
      onState: setState,
      cursor: () => cursor,
      take,
      begin() {
        if (!isJoined) begin('ready');
      },
    });
    lead = mine;
    try {
      await mine.run(follow, signal);
    } finally {
      if (lead === mine) lead = null;
    }
  }

  function ask(): void {
    if (lead || sight() !== 'seen') return;
    unanswered += 1;
    if (unanswered <= unansweredMax) want(false);
    else {
      unanswered = 0;
      turns?.steal();
    }
  }

  function onSight(now: Sight): void {
    if (now === 'gone') leave();
    else if (now === 'seen' && !turns) enter();
    else if (now === 'hidden' && !locks) {
      leave();
      setState(null);
    } else if (now === 'seen') {
      if (lead) lead.want(follow);
      else want(true);
    }
  }

  function enter(): void {
    isJoined = false;
    unanswered = 0;
    if (locks) {
      channel = new BroadcastChannel(name);
      channel.addEventListener('message', hear);
      timer = setInterval(ask, askEveryMs);
      want(true);
    }
    turns = takeTurns({
      locks,
      name,
      lead: leadOn,
      onRefused(error) {
        leave();
        setState(null);
        options.onRefused?.(error);
      },
    });
  }

  function leave(): void {
    if (!turns) return;
    post({ kind: 'leave', tab });
    turns.stop();
    turns = null;
    clearInterval(timer);
    channel?.close();
    channel = null;
  }

  return {
    follow(conversationIds, kept = null) {
      follow = [...new Set(conversationIds)];
      if (kept && cursor === null) {
        cursor = kept.cursor;
        answers.replace(kept.answers);
      }
      if (!turns) {
        stopListening();
        ({ stop: stopListening, sight } = listenForSight(onSight, locks ? Infinity : hiddenMsMax));
        // A tab that was opened behind the others waits until it is seen.
        if (locks || sight() === 'seen') enter();
        return;
      }
      isJoined = false;
      if (!lead) {
        want(true);
        return;
      }
      lead.want(follow);
      // Whatever happens from here on comes to this tab, over this connection or the next one.
      queueMicrotask(() => {
        if (lead && !isJoined && cursor !== null) begin('ready');
      });
    },
    get cursor() {
      return cursor;
    },
    stop() {
      stopListening();
      leave();
    },
  };
}
