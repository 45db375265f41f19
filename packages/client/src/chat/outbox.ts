/**
 * Sends what somebody has written, once, whatever breaks on the way: see `Pending`. Lanes go on by themselves, also while
 * another conversation is on the screen; in a lane one goes after the other.
 */

import { createBackoff, pause } from '../backoff.ts';
import type { Client } from '../client.ts';
import { isUndecided } from '../errors.ts';
import type { AcceptedMessage, Conversation } from '../wire.ts';
import type { Kept } from './kept.ts';
import type { Outgoing, Pending } from './pending.ts';
import { problem as problemOf, toProblem } from './problems.ts';

/** A server that is back takes what waits soon after; a thousand pages that wait cost it fifty requests a second. */
const waitMs = { baseMs: 2_000, capMs: 20_000 };

/**
 * docs/PROTOCOL.md, section 1: "Keys are remembered for three days". What a browser brings back later than that could be
 * stored twice, so a person has to say that it is to be sent.
 */
const keysKeptMs = 3 * 24 * 60 * 60 * 1_000;

export interface OutboxParts {
  readonly client: Client;
  /** Who writes; rejects while that is not known. */
  readonly kept: () => Promise<Kept>;
  readonly onChange: () => void;
  /** The conversation that a lane begins was made. */
  readonly onMade: (lane: string, conversation: Conversation) => void;
  readonly onAccepted: (pending: Pending, accepted: AcceptedMessage) => void;
}

export interface Outbox {
  readonly all: readonly Outgoing[];
  /** Writes it down and sends it. Resolves to whether the server has taken it; false: refused, or withdrawn. */
  send(pending: Pending): Promise<boolean>;
  /** Goes on with what an earlier page has left. */
  restore(pendings: readonly Pending[]): void;
  /** Sends again what was rejected of these. */
  retry(keys: readonly string[]): void;
  /** Takes one back. Returns it, or null when there is none. */
  withdraw(key: string): Pending | null;
  /** Tries what waits at once: the connection is back. */
  wake(): void;
  close(): void;
}

interface Item {
  pending: Pending;
  status: Outgoing['status'];
  problem: Outgoing['problem'];
  wasTried: boolean;
  readonly withdrawn: AbortController;
  /** Whether the server has taken it. */
  readonly decided: PromiseWithResolvers<boolean>;
}

export function createOutbox({ client, kept, onChange, onMade, onAccepted }: OutboxParts): Outbox {
  let items: readonly Item[] = [];
  const closed = new AbortController();
  const lanes = new Set<string>();
  /** Ends all waits. */
  let waiting = new AbortController();

  const write = (pending: Pending) =>
    kept().then(
      ({ keep }) => keep(pending),
      () => {},
    );

  function wake(): void {
    waiting.abort();
    waiting = new AbortController();
    for (const { pending } of items) void run(pending.lane);
  }

  function add(pending: Pending): Item {
    const item: Item = {
      pending,
      status: isOffline() ? 'waiting' : 'sending',
      problem: null,
      wasTried: false,
      withdrawn: new AbortController(),
      decided: Promise.withResolvers(),
    };
    items = [...items, item];
    return item;
  }

  function remove(item: Item): void {
    items = items.filter((one) => one !== item);
    const drop = () => kept().then(({ drop }) => drop(item.pending));
    drop().catch(() => {});
  }

  function set(
    item: Item,
    changes: Partial<Pick<Item, 'pending' | 'status' | 'problem' | 'wasTried'>>,
  ): void {
    Object.assign(item, changes);
    onChange();
  }

  /** Sends a lane until nothing of it is left that may go out. */
  async function run(lane: string): Promise<void> {
    if (lanes.has(lane)) return;
    lanes.add(lane);
    const backoff = createBackoff(waitMs);
    while (!closed.signal.aborted) {
      const item = items.find((one) => one.pending.lane === lane && one.status !== 'rejected');
      if (!item) break;
      if (await attempt(item)) {
        backoff.reset();
        continue;
      }
      // Nobody is signed in: to ask again and again helps nobody, and who signs in finds it where it was.
      if (item.problem?.code === 'unauthenticated') break;
      // The next round looks anew, for it may have been withdrawn.
      if (item.status === 'waiting') await pause(backoff.next(retryAfterMs(item)), waiting.signal);
    }
    lanes.delete(lane);
  }

  /** Sends one. Returns whether the next one may go. */
  async function attempt(item: Item): Promise<boolean> {
    const { signal } = item.withdrawn;
    set(item, { status: isOffline() ? 'waiting' : 'sending' });
    try {
      // Before the first request: whoever reloads now finds it.
      (await kept()).keep(item.pending);
      if (signal.aborted) return true;
      item.wasTried = true;
      const conversationId = item.pending.conversationId ?? (await begin(item.pending, signal));
      const accepted = await post(item.pending, conversationId, signal);
      remove(item);
      onAccepted(item.pending, accepted);
      item.decided.resolve(true);
      onChange();
      return true;
    } catch (error) {
      if (signal.aborted || closed.signal.aborted) return true;
      const problem = toProblem(error);
      const isLeft = isUndecided(error) || problem.code === 'unauthenticated';
      set(item, { status: isLeft ? 'waiting' : 'rejected', problem });
      if (isLeft) return false;
      // A reload must not send it behind the back of its author.
      void write({ ...item.pending, problem });
      item.decided.resolve(false);
      return true;
    }
  }

  /** Makes the conversation of a lane. */
  async function begin({ lane, conversation }: Pending, signal: AbortSignal): Promise<string> {
    const made = await client.createConversation(conversation, { idempotencyKey: lane, signal });
    for (const item of items) {
      if (item.pending.lane !== lane) continue;
      item.pending = { ...item.pending, conversationId: made.id };
      void write(item.pending);
    }
    onMade(lane, made);
    return made.id;
  }

  function post(
    { key, body, editOf }: Pending,
    conversationId: string,
    signal: AbortSignal,
  ): Promise<AcceptedMessage> {
    const options = { idempotencyKey: key, signal };
    return editOf === null
      ? client.postMessage(conversationId, body, options)
      : client.editMessage(editOf, body, options);
  }

  return {
    get all() {
      return items;
    },
    send(pending) {
      const item = add(pending);
      void write(pending);
      onChange();
      void run(pending.lane);
      return item.decided.promise;
    },
    restore(pendings) {
      const known = new Set(items.map(({ pending }) => pending.key));
      for (const pending of pendings) {
        if (known.has(pending.key)) continue;
        const item = add({ ...pending, problem: null });
        // It may have been sent before, by the page that was there.
        item.wasTried = true;
        const isOld = Date.now() - pending.order >= keysKeptMs;
        item.problem = pending.problem ?? (isOld ? problemOf('unreachable', null, true) : null);
        if (item.problem) item.status = 'rejected';
      }
      onChange();
      for (const { lane } of pendings) void run(lane);
    },
    retry(keys) {
      for (const item of items) {
        if (!keys.includes(item.pending.key)) continue;
        if (item.status === 'rejected') set(item, { status: 'sending', problem: null });
      }
      wake();
    },
    withdraw(key) {
      const item = items.find(({ pending }) => pending.key === key);
      if (!item) return null;
      remove(item);
      item.withdrawn.abort();
      item.decided.resolve(false);
      wake();
      onChange();
      return item.pending;
    },
    wake,
    close() {
      closed.abort();
      for (const { withdrawn } of items) withdrawn.abort();
      waiting.abort();
    },
  };
}

/** How long the server has asked to wait, in milliseconds. */
function retryAfterMs({ problem }: Outgoing): number | null {
  return problem?.retryAtMs ? Math.max(0, problem.retryAtMs - Date.now()) : null;
}

/**
 * The platform says that there is no network. It is tried all the same: a server on the same machine can be reached without
 * one. That the platform says nothing proves nothing.
 */
function isOffline(): boolean {
  const { navigator } = globalThis as Partial<typeof globalThis>;
  return navigator?.onLine === false;
}
