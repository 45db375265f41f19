import type { Member } from '@holdfast/client';
import { type ReactNode, useCallback, useEffect, useState } from 'react';
import { useWords } from '../i18n/language.tsx';
import { client } from '../session/session.ts';
import { Section } from '../ui/field.tsx';
import { Row, Rows } from '../ui/rows.tsx';
import type { Work } from '../ui/use-work.ts';

const roles = ['owner', 'writer', 'reader'] as const;

/** Who is in a conversation. Owners change what others may do; everybody may leave. */
export function Members({
  conversationId,
  isOwner,
  ownId,
  run,
  onLeft,
}: {
  readonly conversationId: string;
  readonly isOwner: boolean;
  readonly ownId: string;
  readonly run: Work['run'];
  readonly onLeft: () => void;
}): ReactNode {
  const { share, common } = useWords();
  const [members, setMembers] = useState<readonly Member[]>([]);
  const read = useCallback(
    async (signal: AbortSignal) => setMembers((await client.members(conversationId, { signal })).members),
    [conversationId],
  );
  useEffect(() => {
    void run(read);
  }, [run, read]);

  const leave = () =>
    run(async (signal) => {
      await client.leave(conversationId, { signal });
      onLeft();
    });
  const remove = (userId: string) =>
    run(async (signal) => {
      await client.removeMember(conversationId, userId, { signal });
      await read(signal);
    });
  const change = (userId: string, role: Member['role']) =>
    run(async (signal) => {
      await client.updateMember(conversationId, userId, role, { signal });
      await read(signal);
    });

  return (
    <Section title={share.members}>
      <Rows testId="members">
        {members.map(({ userId, name, role }) => {
          const isSelf = userId === ownId;
          const mayChange = isOwner && !isSelf;
          return (
            <Row
              key={userId}
              action={isSelf ? share.leave : isOwner ? share.remove : null}
              onAction={() => void (isSelf ? leave() : remove(userId))}
              aside={
                mayChange && (
                  <select
                    aria-label={share.roleOf(name)}
                    value={role}
                    onChange={({ target }) => {
                      const wanted = roles.find((one) => one === target.value);
                      if (wanted) void change(userId, wanted);
                    }}
                    className="rounded-lg border border-line bg-raised px-2 py-1 text-[0.875rem]"
                  >
                    {roles.map((one) => (
                      <option key={one} value={one}>
                        {share.roles[one]}
                      </option>
                    ))}
                  </select>
                )
              }
            >
              {name}
              {isSelf ? ` (${common.you})` : ''}
              {!mayChange && <span className="text-faint"> · {share.roles[role]}</span>}
            </Row>
          );
        })}
      </Rows>
    </Section>
  );
}
