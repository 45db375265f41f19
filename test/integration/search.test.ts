/** Finding conversations among 100,000 messages, by what the API stored itself. */
import type { Conversation, FoundConversation } from '@holdfast/shared/http/schemas.ts';
import { searchItems } from '@holdfast/shared/search/terms.ts';
import { listQuery } from '@holdfast/shared/store/conversations.ts';
import { connectDatabase, type Store } from '@holdfast/shared/store/database.ts';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, call, createConversation, question, type Reply } from '../support/ask.ts';
import { firstUrl, storedEnd } from '../support/inspect.ts';
import { join, makePerson, type Person } from '../support/people.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';

let stack: Stack;
let db: Store;
let base: string;
let many: Person;
let few: Person;

/**
 * Conversations ($2) of so many messages each ($3), of ten words out of 5,000 and one that is in all of them, as the API would
 * have stored them for one user ($1).
 */
const fillDatabase = `
  with made as (
    insert into conversations (id, parameters) select gen_random_uuid(), '{}' from generate_series(1, $2::int) returning id
  ), joined as (
    insert into members (conversation_id, user_id, role) select id, $1, 'owner' from made
  ), texts as (
    select gen_random_uuid() as id, made.id as conversation_id,
      array(select 'filler' || (random() * 5000)::int from generate_series(1, 10) where n > 0) || '{fillall}' as words
    from made, generate_series(1, $3::int) n
  ), stored as (
    insert into messages (id, conversation_id, role, text, status)
    select id, conversation_id, 'user', array_to_string(words, ' '), 'completed' from texts
  )
  insert into search_terms (conversation_id, message_id, terms)
  select conversation_id, id, array_to_tsvector(words) from texts`;

beforeAll(async () => {
  stack = await startStack();
  base = firstUrl(stack);
  db = connectDatabase({
    url: stack.env['DATABASE_URL'] ?? '',
    connectionsMax: 1,
    applicationName: 'test',
    onIdleError: () => {},
  });
  many = await makePerson(stack, 'Many conversations');
  few = await makePerson(stack, 'Few conversations');
  // The foreign keys of these rows hold by construction; checking each takes longer than everything else here.
  const filler = await stack.db.connect();
  await filler.query('begin');
  await filler.query(`set local session_replication_role = replica`);
  await filler.query(fillDatabase, [testUser.id, 150, 500]);
  await filler.query(fillDatabase, [many.id, 2_000, 12]);
  await filler.query(fillDatabase, [few.id, 2, 500]);
  await filler.query('commit');
  await filler.query('vacuum analyze');
  filler.release();
});
afterAll(async () => {
  await db.destroy();
  await stack.stop();
});

interface Page {
  readonly conversations: FoundConversation[];
  readonly nextCursor: string | null;
}

const search = (q: string, more = '', headers: Record<string, string> = {}): Promise<Reply<Page>> =>
  call<Page>(base, 'GET', `/api/conversations?q=${encodeURIComponent(q)}${more}`, undefined, headers);

/** What is found, as ids of conversations and messages. */
async function found(q: string, more = '', headers: Record<string, string> = {}) {
  const reply = await search(q, more, headers);
  expect(reply.status).toBe(200);
  return reply.body.conversations.map(({ id, match }) => [id, match?.messageId]);
}

describe('among 100,000 messages', () => {
  it.each([
    ['a Chinese phrase', 'Wie heißt 天下太平 auf Deutsch?', ['天下太平', '太平', '天']],
    [
      'a word with an accent, with and without it',
      'Où est la Bibliothèque?',
      ['bibliotheque', 'bibliothèque'],
    ],
    ['a word without an accent, asked for with one', 'My Resumo is late', ['résumo']],
    [
      'parts of an identifier',
      'Why does createDeltaBatcher wait?',
      ['createDelta', 'deltaBat', 'Batcher', 'batch wait'],
    ],
    [
      'the middle of snake case',
      'select quokka_lease_until from runs',
      ['lease_un', 'quokka-lease', 'until'],
    ],
  ])('finds %s', async (_, text, questions) => {
    const { message, run } = await ask(base, question({ deltas: 1, text: 'Aha.' }, text));
    for (const q of questions) {
      const [first] = (await search(q)).body.conversations;
      expect(first?.id, q).toBe(run.conversationId);
      expect(first?.match?.messageId, q).toBe(message.id);
      expect(first?.match?.snippet, q).toContain(text.slice(0, 20));
    }
  });

  it('finds answers once they have ended, and titles, also after they were changed', async () => {
    const { run } = await ask(base, question({ text: 'It is called a zeppelinknot.' }));
    await storedEnd(stack, run.id);
    expect(await found('zeppelinkn')).toEqual([[run.conversationId, run.messageId]]);

    const { id } = await createConversation(base, { title: 'Fräulein Xanthippe' });
    expect((await search('fraulein')).body.conversations).toMatchObject([
      { id, title: 'Fräulein Xanthippe', match: { messageId: null, snippet: 'Fräulein Xanthippe' } },
    ]);
    await call(base, 'PATCH', `/api/conversations/${id}`, { title: 'Herr Yggdrasil' });
    expect(await found('xanthippe')).toEqual([]);
    expect(await found('yggdrasil herr')).toEqual([[id, null]]);
    await call(base, 'PATCH', `/api/conversations/${id}`, { title: null });
    expect(await found('yggdrasil')).toEqual([]);
  });

  it('uses an index, in the very query that lists what was found, whoever asks for whatever', async () => {
    const { id } = await createConversation(base, { title: 'planprobe' });
    await stack.db.query('vacuum analyze search_terms');
    for (const userId of [testUser.id, many.id, few.id]) {
      for (const q of [
        'planprobe',
        'filler1234 filler77',
        '天下太平',
        'fillall',
        'fill',
        'fillall filler12',
      ]) {
        const filter = { archived: false, items: searchItems(q) };
        const { sql, parameters } = listQuery(db, userId, filter, 20, null).compile();
        const { rows } = await stack.db.query<{ 'QUERY PLAN': object[] }>(`explain (format json) ${sql}`, [
          ...parameters,
        ]);
        const plan = JSON.stringify(rows[0]?.['QUERY PLAN']);
        expect(plan, q).not.toMatch(/"Node Type":"Seq Scan"[^{}]*"Relation Name":"(search_terms|messages)"/);
        // What is rare comes from the terms of all, but for the few messages of somebody who has no more.
        if (!q.startsWith('fill') && userId !== few.id) expect(plan, q).toContain('"search_terms_by_term"');
      }
    }
    expect(await found('planprobe')).toEqual([[id, null]]);
    expect(await found('fillall', '&limit=20')).toHaveLength(20);
    expect(await found('fillall', '&limit=20', many.headers)).toHaveLength(20);
    expect(await found('fillall', '', few.headers)).toHaveLength(2);
  });

  it('says where in a long text it was', async () => {
    const text = `${'and so on '.repeat(6_000)} farbehind ${'and so on '.repeat(1_000)}`;
    const { message } = await ask(base, question({ deltas: 1 }, text));
    const [hit] = (await search('farbehind')).body.conversations;
    expect(hit?.match).toEqual({
      messageId: message.id,
      snippet: expect.stringMatching(/^….*so on farbehind and so on.*…$/) as string,
    });
  });
});

describe('what is found', () => {
  it('is nothing that somebody else may see, or that was deleted', async () => {
    const { message, run } = await ask(base, question({ deltas: 1 }, 'the hushword'));
    const { id, headers } = await makePerson(stack, 'Stranger');
    expect(await found('hushword', '', headers)).toEqual([]);
    await join(base, run.conversationId, { id, name: 'Stranger', headers }, 'reader');
    expect(await found('hushword', '', headers)).toEqual([[run.conversationId, message.id]]);
    await call(base, 'DELETE', `/api/conversations/${run.conversationId}/members/${id}`);
    expect(await found('hushword', '', headers)).toEqual([]);
    await call(base, 'DELETE', `/api/conversations/${run.conversationId}`);
    expect(await found('hushword')).toEqual([]);
  });

  it('comes from all branches, once for each conversation, with the newest message', async () => {
    const { message, run } = await ask(base, question({ deltas: 1 }, 'the branchword'));
    await storedEnd(stack, run.id);
    const edited = await call<{ message: { id: string } }>(base, 'POST', `/api/messages/${message.id}/edit`, {
      text: question({ deltas: 1 }, 'no more'),
    });
    expect(await found('branchword')).toEqual([[run.conversationId, message.id]]);
    const again = await call<{ message: { id: string } }>(
      base,
      'POST',
      `/api/messages/${edited.body.message.id}/edit`,
      { text: question({ deltas: 1 }, 'the branchword again') },
    );
    await call(base, 'PATCH', `/api/conversations/${run.conversationId}`, { title: 'branchword' });
    expect(await found('branchword')).toEqual([[run.conversationId, again.body.message.id]]);
  });

  it('is filtered like the list', async () => {
    const { body } = await call<Conversation>(base, 'POST', '/api/conversations', { title: 'filterword' });
    await call(base, 'PATCH', `/api/conversations/${body.id}/membership`, { archived: true });
    expect(await found('filterword')).toEqual([]);
    expect(await found('filterword', '&archived=true')).toEqual([[body.id, null]]);
    expect(await found('filterword', '&archived=true&pinned=true')).toEqual([]);
  });

  it('comes in pages without gaps and repetitions', async () => {
    for (let n = 0; n < 23; n++) await createConversation(base, { title: `pageword ${n}` });
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const { body }: Reply<Page> = await search('pageword', `&limit=5${cursor && `&cursor=${cursor}`}`);
      expect(body.conversations.length).toBeLessThanOrEqual(5);
      seen.push(...body.conversations.map(({ title }) => title ?? ''));
      cursor = body.nextCursor;
    }
    expect(seen).toEqual(Array.from({ length: 23 }, (_, n) => `pageword ${22 - n}`));
  });
});

describe('a question', () => {
  it('of signs alone is refused, and a blank one lists everything', async () => {
    for (const q of ['!?', '& | :*', "'", '👍']) {
      expect(await search(q)).toMatchObject({
        status: 400,
        body: { code: 'invalid_request', errors: [{ path: 'q' }] },
      });
    }
    expect((await search('x'.repeat(201))).status).toBe(400);
    const blank = await search(' ', '&limit=3');
    expect(blank.body.conversations.map(({ match }) => match)).toEqual(Array(3).fill(undefined));
  });

  it('is never taken for the syntax of a query, whatever it holds', async () => {
    const rough = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc
        .array(
          fc.constantFrom("'", '\\', ':*', '&', '|', '!', '(', ')', '<->', 'a', 'é', '世界', '\0', '%', '$1'),
          { maxLength: 15 },
        )
        .map((parts) => parts.join('')),
    );
    await fc.assert(
      fc.asyncProperty(rough, async (q) => {
        const { status } = await search(q.toWellFormed());
        expect([200, 400]).toContain(status);
      }),
      { numRuns: 60 },
    );
  });
});
