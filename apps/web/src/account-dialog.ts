/** One's own account: the name that others see, and for a guest the way to keep everything. */
import type { Client, CurrentUser } from '@holdfast/client';
import { find, say } from './dom.ts';
import { createRow } from './rows.ts';
import { sentenceOf } from './sentences.ts';

export interface AccountDialog {
  open(user: CurrentUser): void;
  close(): void;
}

export function createAccountDialog(
  client: Client,
  onChanged: (user: CurrentUser) => void,
  onRegister: () => void,
): AccountDialog {
  const dialog = find('account-dialog', HTMLDialogElement);
  const problem = find('account-problem', HTMLElement);
  const hint = find('account-hint', HTMLElement);
  const name = find('own-name', HTMLInputElement);
  const sessions = find('sessions', HTMLElement);
  const register = find('keep-account', HTMLButtonElement);

  async function rename(): Promise<void> {
    say(problem, null);
    try {
      onChanged(await client.updateMe({ name: name.value.trim() }));
      dialog.close();
    } catch (error) {
      say(problem, sentenceOf(error));
    }
  }

  async function showSessions(): Promise<void> {
    try {
      const all = await client.sessions();
      sessions.replaceChildren(
        ...all.sessions.map(({ id, device, current, lastUsedAt }) => {
          const words = `${browserOf(device)}${current ? ' (this one)' : ''}, ${new Date(lastUsedAt).toLocaleString()}`;
          // This one ends by logging out.
          return createRow(words, current ? null : 'End', () => endSession(id));
        }),
      );
    } catch (error) {
      say(problem, sentenceOf(error));
    }
  }

  async function endSession(id: string): Promise<void> {
    say(problem, null);
    try {
      await client.endSession(id);
      await showSessions();
    } catch (error) {
      say(problem, sentenceOf(error));
    }
  }

  find('rename', HTMLFormElement).addEventListener('submit', (event) => {
    event.preventDefault();
    void rename();
  });
  register.addEventListener('click', () => {
    dialog.close();
    onRegister();
  });

  return {
    open(user) {
      say(problem, null);
      const isGuest = user.kind === 'guest';
      hint.textContent = isGuest
        ? 'You are a guest: what you write belongs to this browser, until you register.'
        : (user.email ?? '');
      register.hidden = !isGuest;
      name.value = user.name;
      sessions.replaceChildren();
      dialog.showModal();
      void showSessions();
    },
    close: () => dialog.close(),
  };
}

/** The one word of a User-Agent by which people know it. */
function browserOf(device: string): string {
  return (
    /Edg|OPR|Firefox|Chrome|Safari/.exec(device)?.[0].replace('Edg', 'Edge').replace('OPR', 'Opera') ?? device
  );
}
