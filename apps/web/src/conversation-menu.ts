/** What can be done with the conversation on the screen: rename, pin, archive, export, delete. */
import type { Client, Conversation } from '@holdfast/client';
import { find, say } from './dom.ts';
import { sentenceOf } from './sentences.ts';

export interface ConversationMenu {
  /** Null: there is no conversation, or nothing is known of it yet. */
  show(conversation: Conversation | null): void;
}

export interface ConversationMenuParts {
  readonly client: Client;
  readonly onChanged: (conversation: Conversation) => void;
  /** The conversation is no more, or is out of the list: the user is done with it. */
  readonly onGone: () => void;
  readonly onProblem: (sentence: string) => void;
}

export function createConversationMenu({
  client,
  onChanged,
  onGone,
  onProblem,
}: ConversationMenuParts): ConversationMenu {
  const more = find('more', HTMLButtonElement);
  const menu = find('conversation-menu', HTMLElement);
  const rename = find('menu-rename', HTMLButtonElement);
  const pin = find('menu-pin', HTMLButtonElement);
  const archive = find('menu-archive', HTMLButtonElement);
  const remove = find('menu-delete', HTMLButtonElement);
  const title = find('title-field', HTMLInputElement);
  const titleDialog = createQuestion('title', async (id) => {
    onChanged(await client.updateConversation(id, { title: title.value.trim() }));
  });
  const deleteDialog = createQuestion('delete', async (id) => {
    await client.deleteConversation(id);
    onGone();
  });
  let conversation: Conversation | null = null;

  async function change(changes: { readonly pinned?: boolean; readonly archived?: boolean }): Promise<void> {
    const id = conversation?.id;
    menu.hidePopover();
    if (id === undefined) return;
    try {
      const changed = await client.updateMembership(id, changes);
      if (conversation?.id !== id) return;
      if (changed.archived && changes.archived) onGone();
      else onChanged(changed);
    } catch (error) {
      if (conversation?.id === id) onProblem(sentenceOf(error));
    }
  }

  rename.addEventListener('click', () => {
    menu.hidePopover();
    if (!conversation) return;
    title.value = conversation.title ?? '';
    titleDialog.ask(conversation.id);
    title.select();
  });
  remove.addEventListener('click', () => {
    menu.hidePopover();
    if (conversation) deleteDialog.ask(conversation.id);
  });
  pin.addEventListener('click', () => conversation && void change({ pinned: !conversation.pinned }));
  archive.addEventListener('click', () => conversation && void change({ archived: !conversation.archived }));
  for (const [format, id] of [
    ['markdown', 'menu-markdown'],
    ['json', 'menu-json'],
  ] as const) {
    const link = find(id, HTMLAnchorElement);
    link.addEventListener('click', () => {
      if (conversation) link.href = client.exportUrl(conversation.id, format);
      menu.hidePopover();
    });
  }

  return {
    show(now) {
      if (now?.id !== conversation?.id) {
        if (menu.matches(':popover-open')) menu.hidePopover();
        titleDialog.close();
        deleteDialog.close();
      }
      conversation = now;
      more.hidden = now === null;
      if (!now) return;
      rename.hidden = now.role === 'reader';
      remove.hidden = now.role !== 'owner';
      pin.textContent = now.pinned ? 'Unpin' : 'Pin';
      archive.textContent = now.archived ? 'Take out of the archive' : 'Archive';
    },
  };
}

/** A dialog with one form; `work` does what it asks about. Whatever goes wrong is told in it. */
function createQuestion(name: 'title' | 'delete', work: (id: string) => Promise<void>) {
  const dialog = find(`${name}-dialog`, HTMLDialogElement);
  const form = find(`${name}-form`, HTMLFormElement);
  const problem = find(`${name}-problem`, HTMLElement);
  let about = '';
  let isWorking = false;

  async function answer(): Promise<void> {
    const id = about;
    say(problem, null);
    isWorking = true;
    try {
      await work(id);
      if (about === id) dialog.close();
    } catch (error) {
      say(problem, sentenceOf(error));
    } finally {
      isWorking = false;
    }
  }

  form.addEventListener('submit', (event) => {
    event.preventDefault();
    if (!isWorking) void answer();
  });
  find(`${name}-cancel`, HTMLButtonElement).addEventListener('click', () => dialog.close());
  return {
    ask(id: string): void {
      about = id;
      say(problem, null);
      dialog.showModal();
    },
    close: () => dialog.close(),
  };
}
