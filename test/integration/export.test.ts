/** Conversations as files: JSON with all branches, Markdown of the one that is shown. */
import type { AcceptedMessage, Conversation, Message, RunView } from '@holdfast/shared/http/schemas.ts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, call, createConversation, follow, question } from '../support/ask.ts';
import { firstUrl } from '../support/inspect.ts';
import { as, join, makePerson, type Person } from '../support/people.ts';
import { residentBytes } from '../support/resident-memory.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';

let stack: Stack;
let base: string;

beforeAll(async () => {
  stack = await startStack();
  base = firstUrl(stack);
});
afterAll(() => stack.stop());

interface JsonExport {
  readonly conversation: Conversation;
  readonly authors: { id: string; name: string }[];
  readonly messages: Message[];
}

const download = (id: string, format: string): Promise<Response> =>
  fetch(`${base}/api/conversations/${id}/export?format=${format}`, { headers: testUser.headers });

async function markdownOf(id: string): Promise<string> {
  const reply = await download(id, 'markdown');
  expect(reply.headers.get('content-type')).toBe('text/markdown; charset=utf-8');
  return reply.text();
}

/** Asks and waits for the answer. */
async function answered(text: string, conversationId?: string): Promise<AcceptedMessage> {
  const accepted = await ask(base, text, conversationId);
  await follow([base], accepted.run);
  return accepted;
}

/** A question with two versions, the first of which has two answers. Shown: the second version. */
async function tree() {
  const conversation = await createConversation(base, { title: 'Knots' });
  const { message, run } = await answered(question({ text: 'A bowline.' }, 'Which knot?'), conversation.id);
  const again = await call<{ run: RunView }>(base, 'POST', `/api/messages/${run.messageId}/regenerate`);
  await follow([base], again.body.run);
  const edited = await call<AcceptedMessage>(base, 'POST', `/api/messages/${message.id}/edit`, {
    text: question({ text: 'A reef knot.' }, 'Which other knot?'),
  });
  await follow([base], edited.body.run);
  return { id: conversation.id, message, run, again: again.body.run, edited: edited.body };
}

describe('as JSON', () => {
  it('holds everything: all branches in the order in which they were stored, and who wrote them', async () => {
    const { id, message, run, again, edited } = await tree();
    const reply = await download(id, 'json');
    expect(reply.headers.get('content-type')).toBe('application/json; charset=utf-8');
    const { conversation, authors, messages } = (await reply.json()) as JsonExport;
    expect(conversation).toEqual((await call(base, 'GET', `/api/conversations/${id}`)).body);
    expect(authors).toEqual([{ id: testUser.id, name: 'Test user' }]);
    expect(messages.map(({ id, parentId, text }) => ({ id, parentId, text }))).toEqual([
      { id: message.id, parentId: null, text: message.text },
      { id: run.messageId, parentId: message.id, text: 'A bowline.' },
      { id: again.messageId, parentId: message.id, text: 'A bowline.' },
      { id: edited.message.id, parentId: null, text: edited.message.text },
      { id: edited.run.messageId, parentId: edited.message.id, text: 'A reef knot.' },
    ]);
    expect(messages[1]).toMatchObject({
      role: 'assistant',
      runId: run.id,
      status: 'completed',
      model: 'stand-in',
    });
    expect(messages[1]?.usage?.outputTokens).toBeGreaterThan(0);
  });

  it('is what you get without a format, also of an empty conversation, and others are refused', async () => {
    const { id } = await createConversation(base);
    const reply = await call<JsonExport>(base, 'GET', `/api/conversations/${id}/export`);
    expect(reply.body).toMatchObject({ conversation: { id }, authors: [], messages: [] });
    expect(await call(base, 'GET', `/api/conversations/${id}/export?format=pdf`)).toMatchObject({
      status: 400,
      body: { code: 'invalid_request' },
    });
  });

  it('leaves out an answer that has not ended', async () => {
    const { message, run } = await ask(base, question({ deltas: 5_000, intervalMs: 20 }));
    for (const format of ['json', 'markdown']) {
      const text = await (await download(run.conversationId, format)).text();
      expect(text).toContain(format === 'json' ? message.id : message.text);
      expect(text).not.toContain('pending');
      expect(text).not.toContain('Assistant');
    }
    await call(base, 'POST', `/api/runs/${run.id}/cancel`);
  });
});

describe('as Markdown', () => {
  it('is the branch that is shown, whichever that is', async () => {
    const { id, message, run, edited } = await tree();
    const version = (asked: Message, answer: string) =>
      `# Knots\n\n## User: Test user\n\n${asked.text}\n\n## Assistant (stand-in)\n\n${answer}\n\n`;
    expect(await markdownOf(id)).toBe(version(edited.message, 'A reef knot.'));
    await call(base, 'PATCH', `/api/conversations/${id}`, { leafId: run.messageId });
    expect(await markdownOf(id)).toBe(version(message, 'A bowline.'));
  });

  it('keeps what one message leaves open from swallowing the next, and names from being markup', async () => {
    const { id } = await createConversation(base, { title: '# *Sly*\n<b>title</b>' });
    await answered(question({ text: '```js\nlet open;' }), id);
    await answered(question({ text: '<!-- hidden' }), id);
    const text = await markdownOf(id);
    expect(text).toMatch(/^# \\# \\\*Sly\\\* \\<b\\>title\\<\/b\\>\n\n## User: Test user\n/);
    expect(text).toContain('```js\nlet open;\n```\n\n## User');
    expect(text).toContain('<!-- hidden\n-->\n\n');
  });

  it('says what was stopped', async () => {
    const { run } = await answered(question({ deltas: 10, fault: 'cut', atDelta: 5, status: 400 }));
    expect(await markdownOf(run.conversationId)).toContain('*(failed)*');
  });
});

describe('the name of the file', () => {
  it.each([
    ['Plain title', 'Plain title'],
    ['天下太平', '天下太平'],
    ['She said "no"; then\r\nX-Evil: yes', 'She said no ; then X-Evil yes'],
    ['../../etc/passwd', 'etc passwd'],
    ['100% "l\'été" (1*2)', "100% l'été (1 2)"],
    ['👍'.repeat(90), '👍'.repeat(60)],
    ['\u202Egnp.exe', 'gnp.exe'],
    ['...', 'conversation'],
    [null, 'conversation'],
  ])('is safe, and that of the title where it can be: %j', async (title, name) => {
    const { id } = await createConversation(base, title === null ? {} : { title });
    const reply = await download(id, 'markdown');
    expect(reply.status).toBe(200);
    expect(reply.headers.has('x-evil')).toBe(false);
    const header = reply.headers.get('content-disposition') ?? '';
    const [, ascii, encoded = ''] =
      /^attachment; filename="([\x20-\x21\x23-\x7e]+)\.md"; filename\*=UTF-8''([\w!#$&+.^`|~%-]+)\.md$/.exec(
        header,
      ) ?? [];
    expect(ascii, header).toBeDefined();
    expect(decodeURIComponent(encoded)).toBe(name);
  });
});

describe('who may', () => {
  it('is whoever reads the conversation; for everybody else there is none', async () => {
    const { id } = await createConversation(base);
    const reader = await makePerson(stack, 'Reader');
    const stranger = await makePerson(stack, 'Stranger');
    await join(base, id, reader, 'reader');
    const statusFor = async (person: Person) =>
      (await as(person, base, 'GET', `/api/conversations/${id}/export`)).status;
    expect(await statusFor(reader)).toBe(200);
    expect(await as(stranger, base, 'GET', `/api/conversations/${id}/export`)).toMatchObject({
      status: 404,
      body: { code: 'conversation_not_found' },
    });
    await call(base, 'DELETE', `/api/conversations/${id}/members/${reader.id}`);
    expect(await statusFor(reader)).toBe(404);
    await call(base, 'DELETE', `/api/conversations/${id}`);
    expect((await download(id, 'json')).status).toBe(404);
  });
});

describe('a conversation of 400 MB', () => {
  it.each(['json', 'markdown'])('is written piece by piece, as fast as it is read: %s', async (format) => {
    const { id } = await createConversation(base);
    // One branch, so that both formats hold all of it.
    await stack.db.query(
      `with made as (select gen_random_uuid() as id, n from generate_series(1, 4000) n), stored as (
         insert into messages (id, conversation_id, parent_id, role, text, status)
         select made.id, $1, before.id, 'user', repeat('0123456789', 10000), 'completed'
         from made left join made before on before.n = made.n - 1 order by made.n)
       update conversations set leaf_id = made.id from made where conversations.id = $1 and made.n = 4000`,
      [id],
    );
    const pid = stack.apis[0]?.pid ?? 0;
    const before = residentBytes(pid);
    const { body } = await download(id, format);
    let bytes = 0;
    let most = 0;
    let nextLook = 0;
    for await (const chunk of body ?? []) {
      bytes += (chunk as Uint8Array).length;
      if (bytes < nextLook) continue;
      most = Math.max(most, residentBytes(pid));
      nextLook += 10_000_000;
    }
    expect(bytes).toBeGreaterThan(400_000_000);
    // Garbage takes its time; what it takes does not grow with the conversation.
    expect((most - before) / 1e6).toBeLessThan(300);
  });
});
