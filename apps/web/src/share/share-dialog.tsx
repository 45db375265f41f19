/** Who may see a conversation: invitations, the public link, members. */
import type { Conversation, CurrentUser } from '@holdfast/client';
import type { ReactNode } from 'react';
import { goTo } from '../address.ts';
import { useWords } from '../i18n/language.tsx';
import { Problem } from '../ui/field.tsx';
import { Modal } from '../ui/modal.tsx';
import { useWork } from '../ui/use-work.ts';
import { Invitations } from './invitations.tsx';
import { Members } from './members.tsx';
import { PublicLink } from './public-link.tsx';

export default function ShareDialog({
  conversation,
  user,
  onClose,
}: {
  readonly conversation: Conversation;
  readonly user: CurrentUser;
  readonly onClose: () => void;
}): ReactNode {
  const { share } = useWords();
  const { run, problem } = useWork();
  const { id, role } = conversation;
  const leave = () => {
    onClose();
    goTo(null);
  };
  return (
    <Modal title={share.title} testId="share-dialog" width="wide" onClose={onClose}>
      <Problem testId="share-problem">{problem}</Problem>
      {role === 'owner' && (
        <>
          <Invitations conversationId={id} run={run} />
          <PublicLink conversationId={id} run={run} />
        </>
      )}
      <Members conversationId={id} isOwner={role === 'owner'} ownId={user.id} run={run} onLeft={leave} />
    </Modal>
  );
}
