/**
 * The list of conversations: the latest ones, or those that a search finds. What happens is put in where it belongs; the
 * list is read again only where the events cannot tell.
 */

import type { ReceivedLiveEvent } from '../follow-events.ts';
import { listen } from '../listen.ts';
import { createLiveEvents } from '../live-events.ts';
import { createStore, keepSame } from '../store.ts';
import type { Conversation, FoundConversation } from '../wire.ts';
import { createAnswering } from './answering.ts';
import type { ChatProblem } from './chat-types.ts';
import { addTo, isSearch, putIn } from './list-order.ts';
import { askPage } from './list-page.ts';
import type { ConversationList, ConversationListOptions, ConversationListState } from './list-types.ts';
import { toProblem } from './problems.ts';
import { createReader } from './reader.ts';
import { createRemoval } from './removal.ts';
import { whenSeen } from './when-seen.ts';

/** The list is a way back to what one was just doing, not an archive. */
const pageSizeDefault = 30;

/** Somebody who types searches once, not at each key. */
const typingMs = 250;

/** Makes the list, which reads itself. */
export function createConversationList(options: ConversationListOptions): ConversationList {
  const { client, pageSize = pageSizeDefault } = options;
  const events = options.events ?? createLiveEvents({ client });
  const store = createStore<ConversationListState>((before) => keepSame(before, look()));
  const { changed } = store;
  const owner = {};
  const closed = new AbortController();
  const reader = createReader();
  const answering = createAnswering();
  let asked = { q: '', archived: false };
  let found: readonly FoundConversation[] = [];
  let nextCursor: string | null = null;
  let isLoading = true;
  let problem: ChatProblem | null = null;
  let hasBegun = false;
  let typing: ReturnType<typeof setTimeout> | undefined;

  const removal = createRemoval({ client, undoMs: options.undoMs, onChange: changed, onRefused: refuse });

  function refuse(error: unknown): void {
    problem = toProblem(error);
    changed();
  }

  function look(): ConversationListState {
    const gone = new Set(removal.ids());
    return {
      ...asked,
      conversations: found.filter(({ id }) => !gone.has(id)),
      answering: answering.conversationIds(),
      hasMore: nextCursor !== null,
      isLoading,
      problem,
      removed: removal.removed(),
    };
  }

  const ask = (cursor: string | null) =>
    askPage(client, { ...asked, limit: pageSize, cursor }, closed.signal);

  async function read(): Promise<void> {
    try {
      await reader.read(
        () => ask(null),
        (page) => {
          found = page.conversations;
          ({ nextCursor } = page);
          isLoading = false;
          problem = null;
          changed();
        },
      );
    } catch (error) {
      fail(error);
    }
  }

  function fail(error: unknown): void {
    if (closed.signal.aborted) return;
    isLoading = false;
    problem = toProblem(error);
    if (problem.code === 'invalid_request' && asked.q !== '') {
      // A search for nothing but punctuation finds nothing.
      problem = null;
      found = [];
      nextCursor = null;
    }
    changed();
  }

  /** Something else is asked for now. */
  function askFor(now: Partial<typeof asked>, afterMs: number): void {
    asked = { ...asked, ...now };
    isLoading = true;
    reader.outdate();
    changed();
    clearTimeout(typing);
    typing = setTimeout(() => void read(), afterMs);
  }

  const readAgain = whenSeen(() => void read());

  /** Puts in a conversation as it is now, where it belongs. */
  function put(conversation: Conversation): void {
    found = putIn(found, conversation, asked);
    // What is being read may not know of it.
    reader.outdate();
    changed();
  }

  /** Something was asked or answered in it. */
  async function bump(conversationId: string, at: string): Promise<void> {
    const known = found.find(({ id }) => id === conversationId);
    if (known) {
      if (Date.parse(at) > Date.parse(known.updatedAt)) put({ ...known, updatedAt: at });
      return;
    }
    if (isSearch(asked)) return;
    const read = await client.conversation(conversationId, { signal: closed.signal }).catch(() => null);
    if (read && !closed.signal.aborted) put(read);
  }

  function hear(event: ReceivedLiveEvent): void {
    if (answering.hear(event)) changed();
    const { type, data } = event;
    switch (type) {
      case 'ready':
      case 'resync':
        if (!hasBegun || type === 'resync') readAgain.run();
        hasBegun = true;
        break;
      case 'conversation.added':
      case 'conversation.changed':
        put(data.conversation);
        break;
      case 'conversation.removed':
        found = found.filter(({ id }) => id !== data.conversationId);
        removal.forget(data.conversationId);
        // What is being read may still have it.
        reader.outdate();
        changed();
        break;
      case 'message.added':
        void bump(data.conversationId, data.message.createdAt);
        break;
      case 'run.ended':
        if (data.run.finishedAt) void bump(data.conversationId, data.run.finishedAt);
        break;
      case 'run.queued':
      case 'run.started':
      case 'run.position':
      case 'run.event':
    }
  }

  /** Shows a change at once, and what was there before again if the server refuses it. */
  async function change(
    id: string,
    changes: Partial<Conversation>,
    send: (signal: AbortSignal) => Promise<Conversation>,
  ): Promise<Conversation | null> {
    const { signal } = closed;
    const before = found.find((one) => one.id === id);
    problem = null;
    if (before) put({ ...before, ...changes });
    try {
      const now = await send(signal);
      if (!signal.aborted) put(now);
      return now;
    } catch (error) {
      if (signal.aborted) return null;
      if (before) put(before);
      refuse(error);
      return null;
    }
  }

  const stops = [
    readAgain.stop,
    events.listen(hear),
    events.watch(({ connection }) => {
      if (connection === 'live' && problem?.isRetryable) readAgain.run();
    }),
    // Not when the page is hidden: who comes back shall still find the button.
    listen({ pagehide: removal.finish }),
  ];
  events.follow(owner, null);
  // Not only once the connection stands: the list is of use without one, too.
  readAgain.run();

  return {
    getState: store.getState,
    subscribe: store.subscribe,
    search: (q) => askFor({ q }, typingMs),
    showArchived: (archived) => askFor({ archived }, 0),
    async loadMore() {
      if (nextCursor === null || isLoading) return;
      const [cursor, of] = [nextCursor, asked];
      isLoading = true;
      changed();
      try {
        const page = await ask(cursor);
        // What was asked for since then is another list.
        if (closed.signal.aborted || asked !== of || nextCursor !== cursor) return;
        found = addTo(found, page.conversations, asked);
        ({ nextCursor } = page);
        isLoading = false;
        changed();
      } catch (error) {
        fail(error);
      }
    },
    refresh: read,
    rename: (id, title) =>
      change(id, { title, titleBy: title === null ? null : 'user' }, (signal) =>
        client.updateConversation(id, { title }, { signal }),
      ),
    pin: (id, pinned) =>
      change(id, { pinned }, (signal) => client.updateMembership(id, { pinned }, { signal })),
    archive: (id, archived) =>
      change(id, { archived }, (signal) => client.updateMembership(id, { archived }, { signal })),
    remove(id) {
      const known = found.find((one) => one.id === id);
      if (known) removal.add(known);
      else client.conversation(id, { signal: closed.signal }).then(removal.add, fail);
    },
    undoRemove: removal.undo,
    dismiss() {
      problem = null;
      changed();
    },
    close() {
      removal.finish();
      closed.abort();
      clearTimeout(typing);
      for (const stop of stops) stop();
      events.release(owner);
      if (!options.events) events.stop();
      store.close();
    },
  };
}
