/** The list of conversations: the latest ones, or those that a search finds. */
import type { Client, FoundConversation } from '@holdfast/client';
import { element, find } from './dom.ts';
import { createReader } from './reader.ts';
import { codeOf } from './sentences.ts';
import { whenSeen } from './when-seen.ts';

/** The list is a way back to what one was just doing, not an archive. */
const conversationsMax = 30;

/** Somebody who types searches once, not at each key. */
const typingMs = 250;

export interface ConversationList {
  read(): void;
  mark(conversationId: string | null): void;
  clear(): void;
}

export function createConversationList(client: Client): ConversationList {
  const list = find('conversations', HTMLElement);
  const search = find('search', HTMLInputElement);
  const title = find('list-title', HTMLElement);
  const archive = find('show-archived', HTMLButtonElement);
  const reader = createReader();
  let current: string | null = null;
  let showsArchive = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function mark(conversationId: string | null): void {
    current = conversationId;
    for (const link of list.querySelectorAll('a')) {
      link.ariaCurrent = current !== null && link.hash === `#${current}` ? 'page' : null;
    }
  }

  const read = whenSeen(() => {
    reader
      .read(
        async () => {
          const q = search.value.trim();
          const query = { limit: conversationsMax, archived: showsArchive };
          if (q !== '') return client.conversations({ ...query, q });
          // What is pinned stays in reach, however long ago it changed.
          const [pinned, others] = await Promise.all(
            [true, false].map((isPinned) => client.conversations({ ...query, pinned: isPinned })),
          );
          return { conversations: [...(pinned?.conversations ?? []), ...(others?.conversations ?? [])] };
        },
        ({ conversations }) => {
          const isSearch = search.value.trim() !== '';
          const nothing = isSearch ? 'Nothing found' : showsArchive ? 'Nothing archived' : 'Recent';
          const something = isSearch ? 'Found' : showsArchive ? 'Archived' : 'Recent';
          title.textContent = conversations.length > 0 ? something : nothing;
          list.replaceChildren(...conversations.map(createLink));
          mark(current);
        },
      )
      .catch((error: unknown) => {
        // Of a search for nothing but punctuation. Else the list is a convenience; what matters reports its own failures.
        if (codeOf(error) !== 'invalid_request') return;
        title.textContent = 'Nothing found';
        list.replaceChildren();
      });
  });

  search.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      reader.outdate();
      read();
    }, typingMs);
  });

  archive.addEventListener('click', () => {
    showsArchive = !showsArchive;
    archive.ariaPressed = String(showsArchive);
    reader.outdate();
    read();
  });

  return {
    read,
    mark,
    clear() {
      search.value = '';
      reader.outdate();
      list.replaceChildren();
    },
  };
}

function createLink({ id, title, match, pinned }: FoundConversation): HTMLElement {
  const link = element('a', { testId: 'conversation-link', text: title ?? 'New conversation' });
  link.href = `#${id}`;
  link.dir = 'auto';
  if (pinned) link.prepend(element('span', { className: 'pin', label: 'Pinned', text: '★ ' }));
  if (match) link.append(element('small', { className: 'snippet', text: match.snippet }));
  return element('li', {}, [link]);
}
