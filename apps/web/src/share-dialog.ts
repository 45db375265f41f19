/** Sharing the conversation on the screen: invitations, the public link, members. */
import { type Client, type Conversation, type CurrentUser, newIdempotencyKey } from '@holdfast/client';
import { copyText } from './clipboard.ts';
import { find, say } from './dom.ts';
import { createRow } from './rows.ts';
import { codeOf, sentenceOf } from './sentences.ts';

const roles = { owner: 'Owner', writer: 'Can ask', reader: 'Can read' } as const;

export interface ShareDialog {
  open(conversation: Conversation, user: CurrentUser): void;
  close(): void;
}

/** `onLeft`: the user has left the conversation. */
export function createShareDialog(client: Client, onLeft: () => void): ShareDialog {
  const dialog = find('share-dialog', HTMLDialogElement);
  const problem = find('share-problem', HTMLElement);
  const ownerPart = find('owner-part', HTMLElement);
  const role = find('invite-role', HTMLSelectElement);
  const invite = find('invite', HTMLButtonElement);
  const inviteResult = find('invite-result', HTMLElement);
  const inviteUrl = find('invite-url', HTMLInputElement);
  const invitations = find('invitations', HTMLElement);
  const isPublic = find('public', HTMLInputElement);
  const publicResult = find('public-result', HTMLElement);
  const publicUrl = find('public-url', HTMLInputElement);
  const members = find('members', HTMLElement);
  let conversation: Conversation | null = null;
  let ownId = '';
  /** Kept until the invitation is made: a second click after a lost answer makes no second one. */
  let key: string | null = null;

  /** Does something about the conversation of the dialog; whatever goes wrong is told in the dialog. */
  async function attempt(work: (id: string) => Promise<void>): Promise<void> {
    const id = conversation?.id;
    if (id === undefined) return;
    say(problem, null);
    try {
      await work(id);
    } catch (error) {
      if (conversation?.id === id) say(problem, sentenceOf(error));
    }
  }

  async function showInvitations(id: string): Promise<void> {
    const open = await client.invitations(id);
    if (conversation?.id !== id) return;
    invitations.replaceChildren(
      ...open.invitations.map((one) =>
        createRow(`${roles[one.role]}, until ${new Date(one.expiresAt).toLocaleDateString()}`, 'Revoke', () =>
          attempt(async () => {
            await client.revokeInvitation(id, one.id);
            inviteResult.hidden = true;
            await showInvitations(id);
          }),
        ),
      ),
    );
  }

  async function showMembers(id: string): Promise<void> {
    const isOwner = conversation?.role === 'owner';
    const all = await client.members(id);
    if (conversation?.id !== id) return;
    members.replaceChildren(
      ...all.members.map(({ userId, name, role: memberRole }) => {
        const isSelf = userId === ownId;
        const words = `${name}${isSelf ? ' (you)' : ''} · ${roles[memberRole]}`;
        if (isSelf) {
          return createRow(words, 'Leave', () =>
            attempt(async () => {
              await client.leave(id);
              dialog.close();
              onLeft();
            }),
          );
        }
        return createRow(words, isOwner ? 'Remove' : null, () =>
          attempt(async () => {
            await client.removeMember(id, userId);
            await showMembers(id);
          }),
        );
      }),
    );
  }

  function showPublic(url: string | null): void {
    isPublic.checked = url !== null;
    publicResult.hidden = url === null;
    publicUrl.value = url ?? '';
  }

  async function showPublicLink(id: string): Promise<void> {
    try {
      const { url } = await client.publicLink(id);
      if (conversation?.id === id) showPublic(url);
    } catch (error) {
      if (codeOf(error) !== 'public_link_not_found') throw error;
    }
    if (conversation?.id === id) isPublic.disabled = false;
  }

  invite.addEventListener('click', () => {
    key ??= newIdempotencyKey();
    const idempotencyKey = key;
    invite.disabled = true;
    void attempt(async (id) => {
      const chosen = role.value === 'reader' ? 'reader' : 'writer';
      const { url } = await client.invite(id, { role: chosen }, { idempotencyKey });
      key = null;
      inviteUrl.value = url;
      inviteResult.hidden = false;
      inviteUrl.select();
      await showInvitations(id);
    }).finally(() => {
      invite.disabled = false;
    });
  });
  role.addEventListener('change', () => {
    key = null;
  });
  isPublic.addEventListener('change', () => {
    const wanted = isPublic.checked;
    isPublic.disabled = true;
    void attempt(async (id) => {
      try {
        if (wanted) showPublic((await client.makePublic(id)).url);
        else {
          await client.makePrivate(id);
          showPublic(null);
        }
      } catch (error) {
        isPublic.checked = !wanted;
        throw error;
      }
    }).finally(() => {
      isPublic.disabled = false;
    });
  });
  for (const [field, button] of [
    [inviteUrl, find('invite-copy', HTMLButtonElement)],
    [publicUrl, find('public-copy', HTMLButtonElement)],
  ] as const) {
    button.addEventListener('click', () => void copy(field, button));
  }

  return {
    open(now, user) {
      conversation = now;
      ownId = user.id;
      key = null;
      inviteResult.hidden = true;
      showPublic(null);
      // Until it is known: whoever was quick would turn on what they see as off and is on.
      isPublic.disabled = true;
      invitations.replaceChildren();
      members.replaceChildren();
      const isOwner = now.role === 'owner';
      ownerPart.hidden = !isOwner;
      dialog.showModal();
      void attempt(showMembers);
      if (!isOwner) return;
      void attempt(showInvitations);
      void attempt(showPublicLink);
    },
    close() {
      conversation = null;
      dialog.close();
    },
  };
}

async function copy(field: HTMLInputElement, button: HTMLButtonElement): Promise<void> {
  // Where the browser refuses, the text is at least marked.
  field.select();
  if (!(await copyText(field.value, button))) field.focus();
}
