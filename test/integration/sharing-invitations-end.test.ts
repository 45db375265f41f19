/** Invitations that do not hold: expired, revoked, older than a removal, or one too many. */
import type { Invitation } from '@holdfast/shared/http/sharing.ts';
import { membersMax } from '@holdfast/shared/store/members.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { call, createConversation } from '../support/ask.ts';
import { twoUrls } from '../support/inspect.ts';
import { invitationsAt } from '../support/invitations.ts';
import { as, holdBack, makePerson } from '../support/people.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';

let stack: Stack;
let here: string;
let there: string;
beforeAll(async () => {
  stack = await startStack({ apis: 2, workers: 0 });
  [here, there] = twoUrls(stack);
});
afterAll(() => stack.stop());

const { invite, tokenFor, accept, preview, roleOf } = invitationsAt(
  () => stack,
  () => here,
  () => there,
);

it('expired, revoked, unknown, malformed and of a deleted conversation: all get the same 404', async () => {
  const { id } = await createConversation(here);
  const gone = await createConversation(here);
  const ada = await makePerson(stack, 'Ada');
  const expired = (await invite(id, { role: 'writer' })).body;
  const revoked = (await invite(id, { role: 'writer' })).body;
  const path = `/api/conversations/${id}/invitations/${revoked.invitation.id}`;
  // Only under its own conversation.
  const elsewhere = await call<{ code: string }>(here, 'DELETE', path.replace(id, gone.id));
  expect([elsewhere.status, elsewhere.body.code]).toEqual([404, 'invitation_not_found']);
  expect((await call(here, 'DELETE', path)).status).toBe(204);
  expect((await call<{ code: string }>(here, 'DELETE', path)).body.code).toBe('invitation_not_found');
  // After all others are made: making one clears expired ones away.
  await stack.db.query(`update invitations set expires_at = now() - interval '1 second' where id = $1`, [
    expired.invitation.id,
  ]);
  const ofDeleted = await tokenFor(gone.id, 'writer');
  await stack.db.query('update conversations set deleted_at = now() where id = $1', [gone.id]);

  const link = await call<{ token: string }>(here, 'PUT', `/api/conversations/${id}/public-link`);
  const tokens = [
    expired.token,
    revoked.token,
    ofDeleted,
    `hfi_${'x'.repeat(43)}`,
    link.body.token,
    testUser.apiKey,
    'none',
    '%00',
  ];
  const bodies = new Set<string>();
  for (const token of tokens) {
    for (const reply of [await preview(ada, token), await accept(ada, token)]) {
      expect([token, reply.status]).toEqual([token, 404]);
      const { instance, requestId, ...body } = reply.body as unknown as Record<string, unknown>;
      expect(instance).toEqual(expect.stringContaining('/api/invitations/'));
      expect(requestId).toEqual(expect.any(String));
      bodies.add(JSON.stringify(body));
    }
  }
  expect([...bodies]).toEqual([expect.stringContaining('"invitation_not_found"')]);
  expect(await roleOf(ada, id)).toBe(null);
  const list = await call<{ invitations: Invitation[] }>(here, 'GET', `/api/conversations/${id}/invitations`);
  expect(list.body.invitations).toEqual([]);
});

it('an invitation that is revoked while somebody accepts it makes no member', async () => {
  const { id } = await createConversation(here);
  const ada = await makePerson(stack, 'Ada');
  const { invitation, token } = (await invite(id, { role: 'writer' })).body;
  const [reply] = await holdBack(
    stack,
    'select from conversations where id = $1 for update',
    [id],
    1,
    () => [accept(ada, token)],
    ['delete from invitations where id = $1', [invitation.id]],
  );
  expect([reply?.status, reply?.body.code]).toEqual([404, 'invitation_not_found']);
  expect(await roleOf(ada, id)).toBe(null);
});

it('who was removed is not let in again by an invitation of before, but by one of after; who left may come back', async () => {
  const { id } = await createConversation(here);
  const ada = await makePerson(stack, 'Ada');
  const before = await tokenFor(id, 'writer');
  expect((await accept(ada, before)).status).toBe(200);
  expect((await as(ada, here, 'POST', `/api/conversations/${id}/leave`)).status).toBe(204);
  expect((await accept(ada, before)).status).toBe(200);

  expect((await call(here, 'DELETE', `/api/conversations/${id}/members/${ada.id}`)).status).toBe(204);
  for (const reply of [await accept(ada, before), await preview(ada, before)]) {
    expect([reply.status, reply.body.code]).toEqual([404, 'invitation_not_found']);
  }
  const after = await tokenFor(id, 'reader');
  expect((await accept(ada, after)).body.role).toBe('reader');
  // Everybody else is let in by both.
  const ben = await makePerson(stack, 'Ben');
  expect((await accept(ben, before)).body.role).toBe('writer');
});

it(`a conversation has at most ${membersMax} members, also when two come at once for the last place`, async () => {
  const { id } = await createConversation(here);
  const token = await tokenFor(id, 'reader');
  await stack.db.query(
    `with people as (
      insert into users (id, name) select gen_random_uuid(), 'Many' from generate_series(3, $2::int) returning id
    ) insert into members (conversation_id, user_id, role) select $1, id, 'reader' from people`,
    [id, membersMax],
  );
  const [ada, ben] = [await makePerson(stack, 'Ada'), await makePerson(stack, 'Ben')];
  const replies = await holdBack(stack, 'select from conversations where id = $1 for update', [id], 2, () => [
    accept(ada, token, here),
    accept(ben, token, there),
  ]);
  expect(replies.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 409]);
  expect(replies.find(({ status }) => status === 409)?.body.code).toBe('too_many_members');
  const { rows } = await stack.db.query('select from members where conversation_id = $1', [id]);
  expect(rows).toHaveLength(membersMax);
});

it('a conversation has at most 50 invitations that hold; expired ones make room', async () => {
  const { id } = await createConversation(here);
  for (let n = 0; n < 50; n += 1) expect((await invite(id, { role: 'reader' })).status).toBe(201);
  const refused = await invite(id, { role: 'reader' });
  expect([refused.status, refused.body]).toMatchObject([409, { code: 'too_many_invitations' }]);
  await stack.db.query(
    `update invitations set expires_at = now() - interval '1 second' where conversation_id = $1`,
    [id],
  );
  expect((await invite(id, { role: 'reader' })).status).toBe(201);
  const { rows } = await stack.db.query('select from invitations where conversation_id = $1', [id]);
  expect(rows).toHaveLength(1);
});
