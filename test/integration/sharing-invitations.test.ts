/** Invitations: who has the token becomes a member, until it expires or is revoked. */
import type { Conversation } from '@holdfast/shared/http/schemas.ts';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { call, createConversation } from '../support/ask.ts';
import { twoUrls } from '../support/inspect.ts';
import { invitationsAt } from '../support/invitations.ts';
import { as, makePerson, nobody, recorded } from '../support/people.ts';
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

const hourMs = 3_600_000;

it('an owner gets a token, shown once and stored nowhere, that holds for seven days unless they say otherwise', async () => {
  const { id } = await createConversation(here);
  const { status, body } = await invite(id, { role: 'writer' }, 'a-key-that-nobody-guesses');
  expect(status).toBe(201);
  expect(body).toEqual({
    invitation: {
      id: expect.any(String),
      role: 'writer',
      createdBy: testUser.id,
      createdAt: expect.any(String),
      expiresAt: expect.any(String),
    },
    token: expect.stringMatching(/^hfi_[\w-]{43}$/),
    url: `${here}/#invitations/${body.token}`,
  });
  const { createdAt, expiresAt } = body.invitation;
  expect(Date.parse(expiresAt) - Date.parse(createdAt)).toBe(7 * 24 * hourMs);
  const short = (await invite(id, { role: 'reader', expiresInHours: 1 })).body.invitation;
  expect(Date.parse(short.expiresAt) - Date.parse(short.createdAt)).toBe(hourMs);
  for (const fault of [
    { expiresInHours: 0 },
    { expiresInHours: 721 },
    { expiresInHours: 1.5 },
    { role: 'owner' },
  ]) {
    const refused = await invite(id, { role: 'reader', ...fault });
    expect([fault, refused.status]).toEqual([fault, 400]);
  }

  const list = await call<object>(here, 'GET', `/api/conversations/${id}/invitations`);
  expect(list.body).toEqual({ invitations: [short, body.invitation] });
  for (const table of ['invitations', 'idempotency_keys']) {
    const { rows } = await stack.db.query<{ text: string }>(
      `select row_to_json(t)::text as text from ${table} t`,
    );
    expect(rows.length).toBeGreaterThan(0);
    for (const { text } of rows) expect(text).not.toContain(body.token.slice(4));
  }
});

it('a repeat with the same Idempotency-Key gets the same token, on every process, and makes no second invitation', async () => {
  const { id } = await createConversation(here);
  const replies = await Promise.all(
    Array.from({ length: 10 }, (_, n) => invite(id, { role: 'writer' }, 'invite-once', n % 2 ? here : there)),
  );
  const [first] = replies;
  for (const { status, body } of replies) {
    expect(status).toBe(201);
    expect([body.invitation, body.token]).toEqual([first?.body.invitation, first?.body.token]);
  }
  const { rows } = await stack.db.query('select from invitations where conversation_id = $1', [id]);
  expect(rows).toHaveLength(1);
  expect((await invite(id, { role: 'reader' }, 'invite-once')).status).toBe(422);
});

it('the address to pass on is that of PUBLIC_URL, where it is set', async () => {
  const api = await stack.startApi({ PUBLIC_URL: 'https://chat.example.com' });
  const { id } = await createConversation(here);
  const { body } = await invite(id, { role: 'writer' }, undefined, api.url);
  expect(body.url).toBe(`https://chat.example.com/#invitations/${body.token}`);
  const link = await call<{ token: string; url: string }>(
    api.url,
    'PUT',
    `/api/conversations/${id}/public-link`,
  );
  expect(link.body.url).toBe(`https://chat.example.com/#shared/${link.body.token}`);
});

it('who was invited sees what to, and becomes a member by accepting; everybody is told', async () => {
  const { id } = await createConversation(here, { title: 'Plans' });
  const ada = await makePerson(stack, 'Ada');
  const { invitation, token } = (await invite(id, { role: 'reader' })).body;
  await stack.db.query('delete from user_events where conversation_id = $1', [id]);

  expect((await preview(ada, token)).body).toEqual({
    role: 'reader',
    title: 'Plans',
    invitedBy: 'Test user',
    expiresAt: invitation.expiresAt,
  });
  expect(await roleOf(ada, id)).toBe(null);

  const accepted = await accept(ada, token);
  expect([accepted.status, accepted.body]).toEqual([
    200,
    (await as(ada, here, 'GET', `/api/conversations/${id}`)).body,
  ]);
  expect(accepted.body).toMatchObject({ id, title: 'Plans', role: 'reader' });
  // Again, and again: nothing more happens.
  expect((await accept(ada, token)).body).toEqual(accepted.body);
  expect((await accept(ada, token, here)).status).toBe(200);
  expect(await recorded(stack, ada.id, id)).toEqual([{ type: 'conversation.added', subject: null }]);
  expect(await recorded(stack, testUser.id, id)).toEqual([{ type: 'conversation.changed', subject: null }]);

  for (const method of ['GET', 'POST']) {
    const path = `/api/invitations/${token}${method === 'GET' ? '' : '/accept'}`;
    expect((await call(here, method, path, undefined, nobody)).status).toBe(401);
  }
});

it('an invitation lifts a role and never lowers one', async () => {
  const { id } = await createConversation(here);
  const ada = await makePerson(stack, 'Ada');
  const [reader, writer] = [await tokenFor(id, 'reader'), await tokenFor(id, 'writer')];
  const roles: unknown[] = [];
  for (const token of [reader, writer, reader]) roles.push((await accept(ada, token)).body.role);
  expect(roles).toEqual(['reader', 'writer', 'writer']);
  const own = await call<Conversation>(here, 'POST', `/api/invitations/${reader}/accept`);
  expect(own.body.role).toBe('owner');
  expect([await roleOf(ada, id), await roleOf(testUser, id)]).toEqual(['writer', 'owner']);
  expect(await recorded(stack, ada.id, id)).toEqual([
    { type: 'conversation.added', subject: null },
    { type: 'conversation.changed', subject: null },
  ]);
});

it('one invitation makes any number of members, also all at once and twice each', async () => {
  const { id } = await createConversation(here);
  const token = await tokenFor(id, 'writer');
  const people = await Promise.all(Array.from({ length: 10 }, (_, n) => makePerson(stack, `Person ${n}`)));
  const replies = await Promise.all(
    people.flatMap((each) => [accept(each, token, here), accept(each, token, there)]),
  );
  expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 200));
  for (const person of people) {
    expect(await roleOf(person, id)).toBe('writer');
    const told = (await recorded(stack, person.id, id)).map(({ type }) => type);
    expect(told.filter((type) => type === 'conversation.added')).toHaveLength(1);
    expect(told[0]).toBe('conversation.added');
  }
  const told = await recorded(stack, testUser.id, id);
  expect(told.filter(({ type }) => type === 'conversation.changed')).toHaveLength(10);
});
