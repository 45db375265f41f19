/** An invitation that can be accepted. */
import type { InvitationPreview } from '@holdfast/client';
import { type ReactNode, useEffect, useState } from 'react';
import { nameAddress } from '../address.ts';
import { useWords } from '../i18n/language.tsx';
import { Button, LinkButton } from '../ui/button.tsx';
import { Problem } from '../ui/field.tsx';
import { useWork } from '../ui/use-work.ts';
import { Card } from './card.tsx';
import { client } from './session.ts';

export function Invitation({ token }: { readonly token: string }): ReactNode {
  const words = useWords();
  const { run, problem, isBusy } = useWork();
  const [invitation, setInvitation] = useState<InvitationPreview | null>(null);

  useEffect(() => {
    void run(async (signal) => setInvitation(await client.invitation(token, { signal })));
  }, [token, run]);

  const join = () =>
    run(async (signal) => {
      const { id } = await client.acceptInvitation(token, { signal });
      // Going back leads to where one was before the invitation.
      if (!signal.aborted) nameAddress(id);
    });

  if (!invitation) {
    return (
      <Card lead={problem ?? `${words.common.loading}…`}>
        {problem !== null && <LinkButton href="#">{words.admin.toChat}</LinkButton>}
      </Card>
    );
  }
  const { role, title, invitedBy } = invitation;
  const say = role === 'writer' ? words.gate.inviteAsk : words.gate.inviteRead;
  return (
    <Card lead={say(invitedBy, title)}>
      <div className="grid gap-3">
        <Problem testId="gate-problem">{problem}</Problem>
        <Button kind="primary" testId="join" autoFocus disabled={isBusy} onClick={() => void join()}>
          {words.gate.join}
        </Button>
        <LinkButton href="#" testId="decline">
          {words.gate.notNow}
        </LinkButton>
      </div>
    </Card>
  );
}
