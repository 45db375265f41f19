/** Changing, pinning, archiving and listing conversations. */
import type { Conversation } from '@holdfast/shared/http/schemas.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, createConversation } from '../support/ask.ts';
import { firstUrl } from '../support/inspect.ts';
import { makePerson, type Person } from '../support/people.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';

let stack: Stack;
let base: string;

beforeAll(async () => {
  stack = await startStack();
  base = firstUrl(stack);
});
afterAll(() => stack.stop());

const newGuest = (): Promise<Person> => makePerson(stack, 'Somebody');

const join = (conversationId: string, { id }: Person, role: string) =>
  stack.db.query('insert into members (conversation_id, user_id, role) values ($1, $2, $3)', [
    conversationId,
    id,
    role,
  ]);

/** Types of the events about a conversation in a user's feed. */
async function feedOf(userId: string, conversationId: string): Promise<string[]> {
  const { rows } = await stack.db.query<{ type: string }>(
    'select type from user_events where user_id = $1 and conversation_id = $2 order by seq',
    [userId, conversationId],
  );
  return rows.map(({ type }) => type);
}

const patch = (id: string, change: object, headers: Record<string, string> = {}) =>
  call<Conversation>(base, 'PATCH', `/api/conversations/${id}`, change, headers);

describe('PATCH /api/conversations/{id}', () => {
  it('changes what is named, clears it by null, and leaves everything else', async () => {
    const parameters = { temperature: 0.5, max_tokens: 100 };
    const before = await createConversation(base, {
      systemPrompt: 'Be brief.',
      model: 'stand-in',
      parameters,
    });
    const { id } = before;

    const titled = await patch(id, { title: 'Knots' });
    expect(titled.status).toBe(200);
    expect(titled.body).toEqual({ ...before, title: 'Knots', titleBy: 'user' });
    expect((await patch(id, { parameters: { seed: 7 } })).body.parameters).toEqual({ seed: 7 });
    expect((await patch(id, {})).body).toEqual({ ...titled.body, parameters: { seed: 7 } });

    const cleared = await patch(id, { title: null, systemPrompt: null, model: null, parameters: null });
    expect(cleared.body).toEqual({
      ...before,
      title: null,
      titleBy: null,
      systemPrompt: null,
      model: null,
      parameters: {},
    });
    expect((await call(base, 'GET', `/api/conversations/${id}`)).body).toEqual(cleared.body);
  });

  it('tells every member once per change, and nobody of a change that was refused', async () => {
    const reader = await newGuest();
    const { id } = await createConversation(base);
    await join(id, reader, 'reader');
    await patch(id, { title: 'One' });
    await patch(id, {});
    expect((await patch(id, { model: 'unheard-of' })).status).toBe(422);
    expect((await patch(id, { title: ' ' })).status).toBe(400);
    expect((await patch(id, { leafId: id })).status).toBe(404);
    expect(await feedOf(reader.id, id)).toEqual(['conversation.changed']);
    expect(await feedOf(testUser.id, id)).toEqual(['conversation.added', 'conversation.changed']);
  });

  it('is for writers, and shows strangers nothing', async () => {
    const reader = await newGuest();
    const writer = await newGuest();
    const stranger = await newGuest();
    const { id } = await createConversation(base, { title: 'Before' });
    await join(id, reader, 'reader');
    await join(id, writer, 'writer');
    expect((await patch(id, { title: 'No' }, reader.headers)).status).toBe(403);
    expect(await patch(id, { title: 'No' }, stranger.headers)).toMatchObject({
      status: 404,
      body: { code: 'conversation_not_found' },
    });
    expect((await patch(id, { title: 'Yes' }, writer.headers)).body).toMatchObject({
      title: 'Yes',
      role: 'writer',
    });
  });
});

describe('PATCH /api/conversations/{id}/membership', () => {
  it('pins and archives for one member alone, and tells nobody else', async () => {
    const reader = await newGuest();
    const { id } = await createConversation(base);
    await join(id, reader, 'reader');
    const path = `/api/conversations/${id}/membership`;
    const pinned = await call<Conversation>(base, 'PATCH', path, { pinned: true }, reader.headers);
    expect(pinned.body).toMatchObject({ pinned: true, archived: false, role: 'reader' });
    const archived = await call<Conversation>(base, 'PATCH', path, { archived: true }, reader.headers);
    expect(archived.body).toMatchObject({ pinned: true, archived: true });
    const back = await call<Conversation>(base, 'PATCH', path, { pinned: false }, reader.headers);
    expect(back.body).toMatchObject({ pinned: false, archived: true });

    const mine = await call<Conversation>(base, 'GET', `/api/conversations/${id}`);
    expect(mine.body).toMatchObject({ pinned: false, archived: false });
    expect(await feedOf(reader.id, id)).toEqual(Array(3).fill('conversation.changed'));
    expect(await feedOf(testUser.id, id)).toEqual(['conversation.added']);
  });
});

interface Page {
  readonly conversations: Conversation[];
  readonly nextCursor: string | null;
}

async function list(person: Person, query = ''): Promise<Page> {
  const reply = await call<Page>(base, 'GET', `/api/conversations?${query}`, undefined, person.headers);
  expect(reply.status).toBe(200);
  return reply.body;
}

describe('GET /api/conversations', () => {
  it('lists what is not archived, or is, and what is pinned, or is not', async () => {
    const person = await newGuest();
    const make = async (title: string, membership: object) => {
      const { body } = await call<Conversation>(
        base,
        'POST',
        '/api/conversations',
        { title },
        person.headers,
      );
      await call(base, 'PATCH', `/api/conversations/${body.id}/membership`, membership, person.headers);
    };
    await make('plain', {});
    await make('pinned', { pinned: true });
    await make('archived', { archived: true });
    await make('both', { pinned: true, archived: true });
    const titles = async (query: string) =>
      (await list(person, query)).conversations.map(({ title }) => title);
    expect(await titles('')).toEqual(['pinned', 'plain']);
    expect(await titles('archived=false')).toEqual(['pinned', 'plain']);
    expect(await titles('archived=true')).toEqual(['both', 'archived']);
    expect(await titles('pinned=true')).toEqual(['pinned']);
    expect(await titles('pinned=false')).toEqual(['plain']);
    expect(await titles('pinned=true&archived=true')).toEqual(['both']);
    const wrong = await call(base, 'GET', '/api/conversations?archived=maybe', undefined, person.headers);
    expect(wrong.status).toBe(400);
  });

  it('pages through conversations of the same microsecond, and misses none that stayed while others changed', async () => {
    const person = await newGuest();
    // Ten groups of six that share a moment; ids are in no order.
    await stack.db.query(
      `with made as (
         insert into conversations (id, title, parameters, updated_at)
         select gen_random_uuid(), 'c' || n, '{}', '2026-01-01T00:00:00.123456Z'::timestamptz + (n / 6) * interval '1 microsecond'
         from generate_series(0, 59) n returning id)
       insert into members (conversation_id, user_id, role) select id, $1, 'owner' from made`,
      [person.id],
    );
    const all = await stack.db.query<{ id: string }>(
      'select conversation_id as id from members where user_id = $1',
      [person.id],
    );
    const seen: string[] = [];
    const touched = new Set<string>();
    for (let cursor = ''; ; ) {
      const page = await list(person, `limit=7${cursor && `&cursor=${cursor}`}`);
      seen.push(...page.conversations.map(({ id }) => id));
      // Between two pages one that was seen moves to the top, one that was not is deleted, and a new one comes.
      const [unseen] = all.rows.filter(({ id }) => !seen.includes(id) && !touched.has(id));
      if (seen[0])
        await stack.db.query('update conversations set updated_at = now() where id = $1', [seen[0]]);
      if (unseen) {
        touched.add(unseen.id);
        await stack.db.query('update conversations set deleted_at = now() where id = $1', [unseen.id]);
      }
      await call(base, 'POST', '/api/conversations', {}, person.headers);
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    expect(new Set(seen).size, 'none comes twice').toBe(seen.length);
    const stayed = all.rows.map(({ id }) => id).filter((id) => !touched.has(id));
    expect(new Set(seen)).toEqual(new Set(stayed));
  });
});
