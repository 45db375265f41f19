/** Links that make whoever opens them a member. A link itself is shown once, when it is made. */
import { type CreatedInvitation, type Invitation, newIdempotencyKey } from '@holdfast/client';
import { type ReactNode, useCallback, useEffect, useRef, useState } from 'react';
import { useLanguage } from '../i18n/language.tsx';
import { client } from '../session/session.ts';
import { Button } from '../ui/button.tsx';
import { Choice, Section } from '../ui/field.tsx';
import { Row, Rows } from '../ui/rows.tsx';
import type { Work } from '../ui/use-work.ts';
import { LinkField } from './link-field.tsx';

export function Invitations({
  conversationId,
  run,
}: {
  readonly conversationId: string;
  readonly run: Work['run'];
}): ReactNode {
  const { words, language } = useLanguage();
  const { share } = words;
  const [role, setRole] = useState<'writer' | 'reader'>('writer');
  const [open, setOpen] = useState<readonly Invitation[]>([]);
  const [created, setCreated] = useState<CreatedInvitation | null>(null);
  const [isBusy, setBusy] = useState(false);
  /** One until it is granted: a second click after a lost answer must not make a second invitation. */
  const key = useRef<string | null>(null);

  const read = useCallback(
    async (signal: AbortSignal) =>
      setOpen((await client.invitations(conversationId, { signal })).invitations),
    [conversationId],
  );
  useEffect(() => {
    void run(read);
  }, [run, read]);

  const create = async () => {
    key.current ??= newIdempotencyKey();
    const idempotencyKey = key.current;
    setBusy(true);
    await run(async (signal) => {
      setCreated(await client.invite(conversationId, { role }, { idempotencyKey, signal }));
      key.current = null;
      await read(signal);
    });
    setBusy(false);
  };
  const revoke = (id: string) =>
    run(async (signal) => {
      await client.revokeInvitation(conversationId, id, { signal });
      if (created?.invitation.id === id) setCreated(null);
      await read(signal);
    });

  const date = new Intl.DateTimeFormat(language, { dateStyle: 'medium' });
  return (
    <Section title={share.invite}>
      <p className="text-[0.875rem] text-faint">{share.inviteHint}</p>
      <div className="grid grid-cols-[minmax(0,1fr)_auto] gap-2">
        <Choice
          label={share.role}
          isLabelHidden
          testId="invite-role"
          value={role}
          onValue={(value) => {
            key.current = null;
            setRole(value === 'reader' ? 'reader' : 'writer');
          }}
          choices={[
            ['writer', share.roles.writer],
            ['reader', share.roles.reader],
          ]}
        />
        <Button testId="invite" disabled={isBusy} onClick={() => void create()}>
          {share.create}
        </Button>
      </div>
      {created && <LinkField url={created.url} label={share.invitationLink} testId="invite" />}
      <Rows>
        {open.map(({ id, role: invited, expiresAt }) => (
          <Row key={id} action={share.revoke} onAction={() => void revoke(id)}>
            {share.until(share.roles[invited], date.format(new Date(expiresAt)))}
          </Row>
        ))}
      </Rows>
    </Section>
  );
}
