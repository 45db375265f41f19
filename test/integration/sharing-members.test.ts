/** Members of a conversation: who they are, what becomes of their roles, and that an owner always remains. */
import type { Member } from '@holdfast/shared/http/sharing.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { call, createConversation } from '../support/ask.ts';
import { twoUrls } from '../support/inspect.ts';
import { as, holdBack, join, makePerson, type Person, recorded } from '../support/people.ts';
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

const membersOf = async (conversationId: string): Promise<Member[]> =>
  (await call<{ members: Member[] }>(here, 'GET', `/api/conversations/${conversationId}/members`)).body
    .members;

async function rolesOf(conversationId: string): Promise<Record<string, string>> {
  const { rows } = await stack.db.query<{ name: string; role: string }>(
    'select users.name, members.role from members join users on users.id = user_id where conversation_id = $1',
    [conversationId],
  );
  return Object.fromEntries(rows.map(({ name, role }) => [name, role]));
}

/** A conversation of the test user with these people in it, and nothing recorded for anybody so far. */
async function shared(...people: [Person, 'owner' | 'writer' | 'reader'][]): Promise<string> {
  const { id } = await createConversation(here);
  for (const [person, role] of people) await join(here, id, person, role);
  await stack.db.query('delete from user_events where conversation_id = $1', [id]);
  return id;
}

const types = async (userId: string, conversationId: string) =>
  (await recorded(stack, userId, conversationId)).map(({ type }) => type);

it('every member sees all members, with name, role and since when', async () => {
  const ada = await makePerson(stack, 'Ada');
  const id = await shared([ada, 'reader']);
  const { status, body } = await as<{ members: Member[] }>(
    ada,
    there,
    'GET',
    `/api/conversations/${id}/members`,
  );
  expect(status).toBe(200);
  expect(body.members).toEqual([
    { userId: testUser.id, name: 'Test user', role: 'owner', since: expect.any(String) },
    { userId: ada.id, name: 'Ada', role: 'reader', since: expect.any(String) },
  ]);
  for (const { since } of body.members)
    expect(Math.abs(Date.now() - Date.parse(since))).toBeLessThan(600_000);
});

it('a role is changed by an owner alone, holds at once on every process, and all members are told', async () => {
  const [ada, ben] = [await makePerson(stack, 'Ada'), await makePerson(stack, 'Ben')];
  const id = await shared([ada, 'reader'], [ben, 'writer']);
  const path = `/api/conversations/${id}/members/${ada.id}`;
  for (const person of [ada, ben]) {
    const refused = await as(person, there, 'PATCH', path, { role: 'owner' });
    expect([refused.status, refused.body.code]).toEqual([403, 'forbidden']);
  }
  const changed = await call<Member>(here, 'PATCH', path, { role: 'owner' });
  expect([changed.status, changed.body]).toEqual([
    200,
    { userId: ada.id, name: 'Ada', role: 'owner', since: expect.any(String) },
  ]);
  expect((await as<{ role: string }>(ada, there, 'GET', `/api/conversations/${id}`)).body.role).toBe('owner');
  // The same role again is no change.
  expect((await call(here, 'PATCH', path, { role: 'owner' })).status).toBe(200);
  for (const { id: userId } of [testUser, ada, ben]) {
    expect(await types(userId, id)).toEqual(['conversation.changed']);
  }
  // Who was made an owner acts as one, also against who made them one.
  const demoted = await as(ada, there, 'PATCH', `/api/conversations/${id}/members/${testUser.id}`, {
    role: 'reader',
  });
  expect(demoted.status).toBe(200);
  expect((await call(here, 'PATCH', path, { role: 'reader' })).status).toBe(403);
  expect(await rolesOf(id)).toEqual({ 'Test user': 'reader', Ada: 'owner', Ben: 'writer' });
});

it('who is removed loses the conversation at once and is told that it is gone; the others are told of a change', async () => {
  const [ada, ben] = [await makePerson(stack, 'Ada'), await makePerson(stack, 'Ben')];
  const id = await shared([ada, 'writer'], [ben, 'reader']);
  const path = `/api/conversations/${id}/members/${ada.id}`;
  const refused = await as(ben, here, 'DELETE', path);
  expect([refused.status, refused.body.code]).toEqual([403, 'forbidden']);
  const removed = await call(here, 'DELETE', path);
  expect([removed.status, removed.body]).toEqual([204, null]);
  expect((await as(ada, there, 'GET', `/api/conversations/${id}`)).status).toBe(404);
  expect((await call<{ code: string }>(here, 'DELETE', path)).body.code).toBe('member_not_found');
  expect(await rolesOf(id)).toEqual({ 'Test user': 'owner', Ben: 'reader' });
  expect(await types(ada.id, id)).toEqual(['conversation.removed']);
  expect(await types(ben.id, id)).toEqual(['conversation.changed']);
  expect(await types(testUser.id, id)).toEqual(['conversation.changed']);
});

it('every member may leave, whatever their role, and is then as one who never was there', async () => {
  const ada = await makePerson(stack, 'Ada');
  const id = await shared([ada, 'reader']);
  expect((await as(ada, there, 'POST', `/api/conversations/${id}/leave`)).status).toBe(204);
  const again = await as(ada, here, 'POST', `/api/conversations/${id}/leave`);
  expect([again.status, again.body.code]).toEqual([404, 'conversation_not_found']);
  expect(await types(ada.id, id)).toEqual(['conversation.removed']);
  expect(await types(testUser.id, id)).toEqual(['conversation.changed']);
});

it('the only owner can neither leave nor be removed nor lose the role; nothing is changed or told by trying', async () => {
  const ada = await makePerson(stack, 'Ada');
  const id = await shared([ada, 'writer']);
  const own = `/api/conversations/${id}/members/${testUser.id}`;
  const replies = [
    await call<{ code: string }>(here, 'POST', `/api/conversations/${id}/leave`),
    await call<{ code: string }>(here, 'DELETE', own),
    await call<{ code: string }>(here, 'PATCH', own, { role: 'writer' }),
  ];
  for (const { status, body } of replies) expect([status, body.code]).toEqual([409, 'last_owner']);
  expect(await rolesOf(id)).toEqual({ 'Test user': 'owner', Ada: 'writer' });
  expect(await types(ada.id, id)).toEqual([]);
  // With another owner it is allowed.
  await call(here, 'PATCH', `/api/conversations/${id}/members/${ada.id}`, { role: 'owner' });
  expect((await call(here, 'POST', `/api/conversations/${id}/leave`)).status).toBe(204);
  expect(await rolesOf(id)).toEqual({ Ada: 'owner' });
});

const ways = {
  'two owners who leave': (id: string, ada: Person) => [
    call<{ code: string }>(here, 'POST', `/api/conversations/${id}/leave`),
    as(ada, there, 'POST', `/api/conversations/${id}/leave`),
  ],
  'two owners who remove each other': (id: string, ada: Person) => [
    call<{ code: string }>(here, 'DELETE', `/api/conversations/${id}/members/${ada.id}`),
    as(ada, there, 'DELETE', `/api/conversations/${id}/members/${testUser.id}`),
  ],
  'two owners who take the role from each other': (id: string, ada: Person) => [
    call<{ code: string }>(here, 'PATCH', `/api/conversations/${id}/members/${ada.id}`, { role: 'reader' }),
    as(ada, there, 'PATCH', `/api/conversations/${id}/members/${testUser.id}`, { role: 'reader' }),
  ],
};

it.each(Object.entries(ways))(
  '%s in the same moment, on two processes, leave one owner',
  async (_, requests) => {
    const ada = await makePerson(stack, 'Ada');
    const id = await shared([ada, 'owner']);
    // Both requests have been let in and stand before the rows that they will change.
    const replies = await holdBack(
      stack,
      'select * from members where conversation_id = $1 for update',
      [id],
      2,
      () => requests(id, ada),
    );
    expect(replies.filter(({ status }) => status < 300)).toHaveLength(1);
    expect(replies.filter(({ status, body }) => status === 409 && body.code === 'last_owner')).toHaveLength(
      1,
    );
    expect(Object.values(await rolesOf(id)).filter((role) => role === 'owner')).toHaveLength(1);
  },
);

it('members who come and go in many conversations at once never wait for each other in a circle', async () => {
  const people = await Promise.all(['Ada', 'Ben', 'Cleo', 'Dan'].map((name) => makePerson(stack, name)));
  const ids = await Promise.all(
    [1, 2, 3, 4, 5, 6].map(() => shared(...people.map((each) => [each, 'reader'] as [Person, 'reader']))),
  );
  const replies = await Promise.all(
    ids.flatMap((id, n) =>
      people.map((person, place) =>
        as(person, (n + place) % 2 === 0 ? here : there, 'POST', `/api/conversations/${id}/leave`),
      ),
    ),
  );
  expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 204));
  for (const id of ids) {
    expect(await rolesOf(id)).toEqual({ 'Test user': 'owner' });
    expect(await types(testUser.id, id)).toEqual(people.map(() => 'conversation.changed'));
    // Each is told of those who went before, and of their own going last.
    const told = await Promise.all(people.map(async ({ id: userId }) => (await types(userId, id)).join()));
    const before = (n: number) => [
      ...Array.from({ length: n }, () => 'conversation.changed'),
      'conversation.removed',
    ];
    expect(told.toSorted()).toEqual([0, 1, 2, 3].map((n) => before(n).join()).toSorted());
  }
});

it("a stranger's and an unknown conversation, and ids that are none, get the same 404", async () => {
  const [ada, stranger] = [await makePerson(stack, 'Ada'), await makePerson(stack, 'Stranger')];
  const id = await shared([ada, 'reader']);
  const unknown = '01990000-0000-7000-8000-000000000000';
  const requests = (conversationId: string) =>
    [
      ['GET', `/api/conversations/${conversationId}/members`],
      ['PATCH', `/api/conversations/${conversationId}/members/${ada.id}`, { role: 'owner' }],
      ['DELETE', `/api/conversations/${conversationId}/members/${ada.id}`],
      ['POST', `/api/conversations/${conversationId}/leave`],
      ['POST', `/api/conversations/${conversationId}/invitations`, { role: 'writer' }],
      ['GET', `/api/conversations/${conversationId}/invitations`],
      ['PUT', `/api/conversations/${conversationId}/public-link`],
      ['GET', `/api/conversations/${conversationId}/public-link`],
      ['DELETE', `/api/conversations/${conversationId}/public-link`],
    ] as const;
  for (const conversationId of [id, unknown, 'none']) {
    for (const [method, path, body] of requests(conversationId)) {
      const reply = await as<object>(stranger, here, method, path, body);
      expect([method, path, reply.status]).toEqual([method, path, 404]);
      expect(reply.body).toMatchObject({
        code: 'conversation_not_found',
        detail: 'There is no conversation with this id that you can see.',
      });
    }
  }
  for (const userId of [stranger.id, unknown, 'none', "'--"]) {
    const path = `/api/conversations/${id}/members/${encodeURIComponent(userId)}`;
    for (const reply of [
      await call<{ code: string }>(here, 'PATCH', path, { role: 'reader' }),
      await call<{ code: string }>(here, 'DELETE', path),
    ]) {
      expect([reply.status, reply.body.code]).toEqual([404, 'member_not_found']);
    }
  }
  expect((await membersOf(id)).map(({ userId }) => userId)).toEqual([testUser.id, ada.id]);
});
