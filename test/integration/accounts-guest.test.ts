/** From a guest to a member, and what the first member of all gets. */
import { hashToken } from '@holdfast/shared/token.ts';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { accountsAt, bearer, newEmail, type Opened, password } from '../support/accounts.ts';
import { ask, call, question } from '../support/ask.ts';
import { openBrowserAt } from '../support/browser-cookies.ts';
import { storedEnd } from '../support/inspect.ts';
import { nobody } from '../support/people.ts';
import { type Stack, startStack } from '../support/stack.ts';
import { testUser } from '../support/test-user.ts';

const localUserId = '00000000-0000-7000-8000-000000000001';

let stack: Stack;
let base: string;
beforeAll(async () => {
  stack = await startStack({ apis: 2 });
  base = stack.apis[0]?.url ?? '';
});
afterAll(() => stack.stop());
const { register, logIn, guest, me, apiKey } = accountsAt(() => base);

describe('a guest', () => {
  it('who registers keeps the user, the conversations and the log-in', async () => {
    const visitor = (await guest()).body;
    expect(visitor.user).toMatchObject({ kind: 'guest', email: null });
    const made = await call<{ id: string }>(
      base,
      'POST',
      '/api/conversations',
      { title: 'Mine' },
      bearer(visitor.token),
    );

    const email = newEmail();
    const { status, body } = await register({ email }, bearer(visitor.token));
    expect(status).toBe(201);
    expect(body.user).toMatchObject({ id: visitor.user.id, kind: 'member', email });
    const list = await call<{ conversations: { id: string }[] }>(
      base,
      'GET',
      '/api/conversations',
      undefined,
      bearer(body.token),
    );
    expect(list.body.conversations.map(({ id }) => id)).toEqual([made.body.id]);
    expect((await logIn(email)).body.user.id).toBe(visitor.user.id);
    // A token from before must not be worth more after it.
    expect((await me(visitor.token)).status).toBe(401);
  });

  it('keeps a name that they have chosen', async () => {
    const { token } = (await guest()).body;
    await call(base, 'PATCH', '/api/me', { name: 'Zoe' }, bearer(token));
    expect((await register({}, bearer(token))).body.user.name).toBe('Zoe');
  });

  it('becomes one account when they register twice at the same time', async () => {
    const { token } = (await guest()).body;
    const replies = await Promise.all(Array.from({ length: 4 }, () => register({}, bearer(token))));
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(1);
    for (const { status, body } of replies.filter(({ status }) => status !== 201)) {
      expect([status, body.code]).toSatisfy(
        ([status, code]: [number, string]) =>
          (status === 409 && code === 'already_registered') || (status === 401 && code === 'unauthenticated'),
      );
    }
  });

  it('does not register with an API key, nor a member a second time', async () => {
    const visitor = (await guest()).body;
    const key = await apiKey(visitor.token);
    expect((await register({}, bearer(key))).body.code).toBe('forbidden');
    const member = (await register()).body;
    const again = await register({}, bearer(member.token));
    expect([again.status, again.body.code]).toEqual([409, 'already_registered']);
  });
});

describe('the first member', () => {
  /** As a deployment is when nobody has registered, but somebody has used the release before. */
  beforeEach(async () => {
    await stack.db.query('delete from conversations');
    await stack.db.query('delete from users');
    await stack.db.query(`insert into users (id, name) values ($1, 'Local user')`, [localUserId]);
    await stack.db.query(
      `insert into api_keys (id, user_id, name, token_hash, hint) values ($1, $1, 'old', $2, 'hfk_')`,
      [localUserId, hashToken(testUser.apiKey)],
    );
  });

  it('is an administrator, even when many register at the same time', async () => {
    const other = stack.apis[1]?.url ?? '';
    const replies = await Promise.all(
      [base, other, base, other, base, other].map((api) =>
        call<Opened>(
          api,
          'POST',
          '/api/auth/register',
          { email: newEmail(), password, session: 'token' },
          nobody,
        ),
      ),
    );
    expect(replies.map(({ body }) => body.user.role).sort()).toEqual([
      'admin',
      ...Array.from({ length: 5 }, () => 'user'),
    ]);
    expect((await register()).body.user.role).toBe('user');
  });

  it('is not one where FIRST_USER_IS_ADMIN is false', async () => {
    const strict = await stack.startApi({ FIRST_USER_IS_ADMIN: 'false' });
    const body = { email: newEmail(), password, session: 'token' };
    const reply = await call<Opened>(strict.url, 'POST', '/api/auth/register', body, nobody);
    expect(reply.body.user.role).toBe('user');
    expect((await register()).body.user.role).toBe('user');
    await strict.stop();
  });

  it('is no guest, but may have been one', async () => {
    const visitor = (await guest()).body;
    expect(visitor.user.role).toBe('user');
    const registered = (await register({}, bearer(visitor.token))).body.user;
    expect(registered).toMatchObject({ id: visitor.user.id, role: 'admin' });
  });

  it('takes over what was asked before there were accounts, also what is being answered', async () => {
    const { message, run } = await ask(base, question({ deltas: 60, intervalMs: 20 }));
    const { body } = await register();
    const history = await call<{ messages: unknown[] }>(
      base,
      'GET',
      `/api/conversations/${message.conversationId}/messages`,
      undefined,
      bearer(body.token),
    );
    expect(history.body.messages[0]).toMatchObject({ id: message.id, authorId: body.user.id });
    expect(await storedEnd(stack, run.id)).toMatchObject({ status: 'completed', user_id: body.user.id });
    const { rows: attempts } = await stack.db.query('select user_id, outcome from run_attempts');
    expect(attempts).toEqual([{ user_id: body.user.id, outcome: 'completed' }]);
    const { rows } = await stack.db.query('select count(*)::int as left from users where id = $1', [
      localUserId,
    ]);
    expect(rows[0].left).toBe(0);

    const second = (await register()).body;
    const list = await call<{ conversations: unknown[] }>(
      base,
      'GET',
      '/api/conversations',
      undefined,
      bearer(second.token),
    );
    expect(list.body.conversations).toEqual([]);
  });
});

describe('where the operator wants no strangers', () => {
  it('nobody registers, and there are no guests', async () => {
    const closed = await stack.startApi({ REGISTRATION: 'closed', GUESTS: 'refused' });
    const send = (path: string, body: object) =>
      call<Opened>(closed.url, 'POST', path, { session: 'token', ...body }, nobody);
    const refused = [
      await send('/api/auth/register', { email: newEmail(), password }),
      await send('/api/auth/guest', {}),
    ];
    expect(refused.map(({ status, body }) => [status, body.code])).toEqual([
      [403, 'registration_closed'],
      [403, 'registration_closed'],
    ]);
    const email = newEmail();
    await register({ email });
    expect((await send('/api/auth/login', { email, password })).status).toBe(200);
    await closed.stop();
  });
});

it('a browser that begins as a guest again keeps the guest that it is', async () => {
  const browser = openBrowserAt(base);
  const first = await browser.send<Opened>('POST', '/api/auth/guest');
  const token = browser.session;
  const second = await browser.send<Opened>('POST', '/api/auth/guest', {});
  expect([first.status, second.status]).toEqual([201, 200]);
  expect(second.body).toEqual({ user: first.body.user, token: null });
  expect(browser.session).toBe(token);
});
