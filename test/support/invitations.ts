/** Invitations as the test user makes them and others use them. */
import type { Conversation } from '@holdfast/shared/http/schemas.ts';
import type { Invitation, InvitationPreview } from '@holdfast/shared/http/sharing.ts';
import { call, type Reply } from './ask.ts';
import { as, type Person } from './people.ts';
import type { Stack } from './stack.ts';

interface Created {
  readonly invitation: Invitation;
  readonly token: string;
  readonly url: string;
}

/** `here`, `there`: gives the API process that invites, and the one that is asked by those who are invited. */
export function invitationsAt(stack: () => Stack, here: () => string, there: () => string) {
  const invite = (
    conversationId: string,
    body: object,
    key?: string,
    base = here(),
  ): Promise<Reply<Created>> =>
    call<Created>(
      base,
      'POST',
      `/api/conversations/${conversationId}/invitations`,
      body,
      key === undefined ? {} : { 'idempotency-key': key },
    );
  return {
    invite,
    tokenFor: async (conversationId: string, role: string): Promise<string> =>
      (await invite(conversationId, { role })).body.token,
    accept: (person: Person, token: string, base = there()) =>
      as<Conversation & { code: string }>(person, base, 'POST', `/api/invitations/${token}/accept`),
    preview: (person: Person, token: string) =>
      as<InvitationPreview & { code: string }>(person, there(), 'GET', `/api/invitations/${token}`),
    async roleOf(person: Pick<Person, 'id'>, conversationId: string): Promise<string | null> {
      const { rows } = await stack().db.query<{ role: string }>(
        'select role from members where conversation_id = $1 and user_id = $2',
        [conversationId, person.id],
      );
      return rows[0]?.role ?? null;
    },
  };
}
