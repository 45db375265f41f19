/** Every POST says what it does when it is sent twice, and does it. A new one has to be put into these tables. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { accountsAt, bearer } from '../support/accounts.ts';
import { ask, call, createConversation, follow, question, type Reply } from '../support/ask.ts';
import { firstUrl } from '../support/inspect.ts';
import { makePerson, type Person } from '../support/people.ts';
import { type Stack, startStack } from '../support/stack.ts';

let stack: Stack;
let base: string;
let person: Person;
beforeAll(async () => {
  // Without it, each process would put its own address into links.
  stack = await startStack({ apis: 2, env: { PUBLIC_URL: 'https://chat.example.com' } });
  base = firstUrl(stack);
  person = await makePerson(stack, 'Repeats');
});
afterAll(() => stack.stop());

type Send = (headers: Record<string, string>) => Promise<Reply>;

/** Prepares one request of a route that takes a key. What it returns sends it, to one process or the other. */
const withKey: Record<string, () => Promise<Send>> = {
  '/api/conversations': async () => send('/api/conversations', { title: 'twice' }),
  '/api/conversations/{id}/messages': async () => {
    const { id } = await createConversation(base);
    return send(`/api/conversations/${id}/messages`, { text: question({ deltas: 1 }) });
  },
  '/api/messages/{id}/edit': async () => {
    const { message, run } = await ask(base, question({ deltas: 1 }));
    await follow([base], run);
    return send(`/api/messages/${message.id}/edit`, { text: question({ deltas: 2 }) });
  },
  '/api/messages/{id}/regenerate': async () => {
    const { message, run } = await ask(base, question({ deltas: 1 }));
    await follow([base], run);
    return send(`/api/messages/${message.id}/regenerate`, {});
  },
  '/api/messages/{id}/continue': async () => {
    const { run } = await ask(base, question({ deltas: 1 }));
    await follow([base], run);
    return send(`/api/messages/${run.messageId}/continue`, {});
  },
  '/api/conversations/{id}/invitations': async () => {
    const { id } = await createConversation(base);
    return send(`/api/conversations/${id}/invitations`, { role: 'reader' });
  },
  '/api/invitations/{token}/accept': async () => {
    const { id } = await createConversation(base);
    const path = `/api/conversations/${id}/invitations`;
    const { token } = (await call<{ token: string }>(base, 'POST', path, { role: 'reader' })).body;
    return send(`/api/invitations/${token}/accept`, undefined, person.headers);
  },
  '/api/me/api-keys': async () => {
    const { token } = (await accountsAt(base).guest()).body;
    return send('/api/me/api-keys', { name: 'twice' }, bearer(token));
  },
};

/** They need no key. What each of them does when it is repeated is tested with the rest of it. */
const withoutKey = [
  '/api/auth/guest',
  '/api/auth/login',
  '/api/auth/logout',
  '/api/auth/register',
  '/api/conversations/{id}/leave',
  '/api/runs/{id}/cancel',
  '/api/runs/{id}/tickets',
];

let sent = 0;
function send(path: string, body: unknown, headers: Record<string, string> = {}): Send {
  return (more) => call(stack.apis[sent++ % 2]?.url ?? '', 'POST', path, body, { ...headers, ...more });
}

it('there are no other routes that create something', async () => {
  const { body } = await call<{ paths: Record<string, object> }>(base, 'GET', '/docs/json');
  const posts = Object.entries(body.paths)
    .filter(([, methods]) => 'post' in methods)
    .map(([path]) => path);
  expect(posts.toSorted()).toEqual([...Object.keys(withKey), ...withoutKey].toSorted());
});

describe.each(Object.entries(withKey))('POST %s', (path, prepare) => {
  it('repeated with its key over two processes, at once and later, gets the first answer', async () => {
    const request = await prepare();
    const headers = { 'idempotency-key': `key of ${path}`.replaceAll(' ', '-') };
    const replies = await Promise.all(Array.from({ length: 6 }, () => request(headers)));
    replies.push(await request(headers));
    expect(replies[0]?.status).toBeLessThan(300);
    expect(new Set(replies.map(({ status, body }) => JSON.stringify([status, body]))).size).toBe(1);
  });

  it('stores nothing of what the answer shows', async () => {
    const request = await prepare();
    const { body } = await request({ 'idempotency-key': `sealed ${path}`.replaceAll(' ', '-') });
    const { rows } = await stack.db.query<{ row: string }>(
      'select key || request_hash || response::text as row from idempotency_keys',
    );
    const secrets = JSON.stringify(body).match(
      /hf[a-z]_[\w-]{43}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g,
    );
    expect(secrets).not.toBeNull();
    for (const secret of secrets ?? []) expect(rows.filter(({ row }) => row.includes(secret))).toEqual([]);
  });
});
